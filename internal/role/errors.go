package role

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// Why a role could not be assumed, for errors.Is.
var (
	ErrUntrusted   = errors.New("the role does not trust this run")
	ErrToken       = errors.New("the identity token is not accepted")
	ErrExpired     = errors.New("the identity token has expired")
	ErrInvalid     = errors.New("what was asked for is not allowed")
	ErrRegion      = errors.New("STS is not active in this region")
	ErrUnreachable = errors.New("STS cannot be reached")
)

// codes maps the errors of AssumeRoleWithWebIdentity (API Reference, Errors and
// Common Errors) to why. What is not listed is a failure of the service.
var codes = map[string]error{
	"AccessDenied":            ErrUntrusted,
	"InvalidIdentityToken":    ErrToken,
	"IDPRejectedClaim":        ErrToken,
	"InvalidParameterValue":   ErrToken, // MinIO, of a token that does not verify
	"ExpiredTokenException":   ErrExpired,
	"ExpiredToken":            ErrExpired, // MinIO
	"ValidationError":         ErrInvalid,
	"RegionDisabledException": ErrRegion,
}

// Error is why STS gave no credentials.
type Error struct {
	Kind   error // one of the above
	Role   string
	Region string
	// Issuer, Subject and Audience are what the identity token says: who made
	// it, of whom, for whom. Empty where it cannot be read. None is a secret.
	Issuer, Subject, Audience string
	Detail                    string // STS's own words in one line; may be empty
}

// Error returns the role, the kind and STS's words in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("the role %s cannot be assumed: %v", e.Role, e.Kind)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Is reports whether the kind is target. The kind is not unwrapped: the
// sentence is the error's own.
func (e *Error) Is(target error) bool { return e.Kind == target }

// explain returns why STS refused a token, without what the SDK adds.
func (p *provider) explain(ctx context.Context, err error, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &Error{Kind: ErrUnreachable, Role: p.o.ARN, Region: p.client.Options().Region}
	e.Issuer, e.Subject, e.Audience = claims(token)
	var api smithy.APIError
	if !errors.As(err, &api) {
		e.Detail = oneLine(innermost(err).Error(), token)
		return e
	}
	if kind, ok := codes[api.ErrorCode()]; ok {
		e.Kind = kind
	}
	e.Detail = oneLine(strings.TrimSuffix(api.ErrorCode()+": "+api.ErrorMessage(), ": "), token)
	return e
}

// claims reads what a token says of itself. It was checked by whoever takes it,
// not here.
func claims(token string) (issuer, subject, audience string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", "", ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", "", ""
	}
	var c struct{ Iss, Sub, Aud string }
	if json.Unmarshal(payload, &c) != nil {
		return "", "", ""
	}
	return oneLine(c.Iss, token), oneLine(c.Sub, token), oneLine(c.Aud, token)
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// oneLine keeps a service's words to one line of bearable length, without the
// token that some send back.
func oneLine(s, token string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, token, "***")), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
