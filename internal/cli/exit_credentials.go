package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/role"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// roleHint says what to add, and where, so that a role can be assumed. Empty:
// err is not about roles.
func roleHint(err error) string {
	var e *role.Error
	if errors.Is(err, ci.ErrNoIdentity) {
		return "Add to the job in the workflow: permissions: {contents: read, id-token: write}. Pull requests from forks never have it; outside GitHub Actions set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or a key, instead of role-to-assume."
	}
	if !errors.As(err, &e) {
		return ""
	}
	issuer, audience := strings.TrimPrefix(e.Issuer, "https://"), cmp.Or(e.Audience, role.Audience)
	switch e.Kind {
	case role.ErrUntrusted:
		return fmt.Sprintf(`Add to the Condition of the role's trust policy: "StringEquals": {"%[1]s:aud": "%[2]s", "%[1]s:sub": "%[3]s"}.`, issuer, audience, e.Subject)
	case role.ErrToken:
		return fmt.Sprintf("Make the identity provider in the role's account: aws iam create-open-id-connect-provider --url %s --client-id-list %s.", e.Issuer, audience)
	case role.ErrExpired:
		return "Run the job again; on a runner of your own, set its clock."
	case role.ErrInvalid:
		return fmt.Sprintf("Lower role-duration-seconds, or let the role last longer: aws iam update-role --role-name %s --max-session-duration 43200.", e.Role[strings.LastIndexByte(e.Role, '/')+1:])
	case role.ErrRegion:
		return fmt.Sprintf("Activate STS in %s in the account settings of IAM, or correct storage.region.", e.Region)
	}
	return "Run the job again; where it stays so, check the network of the runner."
}

// keyHint says what to do about a key that was good once, or is good elsewhere.
// Empty: err is about something else.
func keyHint(err error) string {
	var answer *s3.ResponseError
	if !errors.As(err, &answer) {
		return ""
	}
	switch {
	case answer.Code == "ExpiredToken":
		return "Fetch new temporary credentials in a step right before this one, or let pandastack do it, and renew them: role-to-assume: arn:aws:iam::111122223333:role/deploy-www."
	case answer.Kind == storage.ErrWrongRegion && answer.Region != "":
		return fmt.Sprintf(`Write into "storage": "region": %q.`, answer.Region)
	}
	return ""
}
