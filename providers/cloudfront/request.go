package cloudfront

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// purge does one request, and returns how many it took.
func (p *Purger) purge(ctx context.Context, r cdn.Request) (int, error) {
	id, err := p.create(ctx, paths(r))
	if err == nil && p.o.Wait {
		err = p.wait(ctx, id)
	}
	return 1, p.judge(ctx, err)
}

// create makes an invalidation, and returns its id. Where too many are in
// progress, it waits.
func (p *Purger) create(ctx context.Context, paths []string) (string, error) {
	in := &sdk.CreateInvalidationInput{
		DistributionId: &p.o.DistributionID,
		InvalidationBatch: &types.InvalidationBatch{
			// The same for all attempts of this request, so that one whose
			// answer was lost is not done and billed twice; never that of an
			// earlier one, which CloudFront would take for this one and do
			// nothing.
			CallerReference: aws.String("pandastack-" + rand.Text()),
			Paths:           &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
		},
	}
	left := p.o.MaxWait
	for delay := p.o.Delay; ; delay = min(2*delay, maxDelay) {
		out, err := p.client.CreateInvalidation(ctx, in)
		var full *types.TooManyInvalidationsInProgress
		switch {
		case err == nil && (out.Invalidation == nil || out.Invalidation.Id == nil):
			return "", &answerError{text: "the answer is not CloudFront's: it names no invalidation"}
		case err == nil:
			return *out.Invalidation.Id, nil
		case !errors.As(err, &full) || delay > left:
			return "", err
		}
		left -= delay
		if err := sleep(ctx, delay); err != nil {
			return "", err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns once an invalidation is done everywhere.
func (p *Purger) wait(ctx context.Context, id string) error {
	w := sdk.NewInvalidationCompletedWaiter(p.client, func(o *sdk.InvalidationCompletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = p.o.Delay, max(p.o.Delay, maxDelay)
	})
	began := time.Now()
	err := w.Wait(ctx, &sdk.GetInvalidationInput{DistributionId: &p.o.DistributionID, Id: &id}, p.o.Completion)
	// The SDK has no type for it, and may end a request at that time instead.
	late := err != nil && (strings.Contains(err.Error(), "exceeded max wait time") || time.Since(began) >= p.o.Completion)
	if late && ctx.Err() == nil && status(err) == 0 {
		return &unfinishedError{id, p.o.Completion}
	}
	return err
}

// unfinishedError reports an invalidation that takes too long.
type unfinishedError struct {
	id    string
	after time.Duration
}

// Error says so.
func (e *unfinishedError) Error() string {
	return fmt.Sprintf("the invalidation %s is not done after %s", e.id, e.after)
}

// paths returns what a request names as CloudFront has it, each once.
func paths(r cdn.Request) []string {
	if r.Kind == cdn.Everything {
		return []string{"/*"}
	}
	out := make([]string, len(r.Items))
	for i, item := range r.Items {
		switch r.Kind {
		case cdn.Tags:
			out[i] = "#" + item
		case cdn.Prefixes:
			out[i] = path(item) + "*"
		default:
			out[i] = path(item)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unsafe are the characters that browsers send as they are and that an
// invalidation must have percent-encoded (RFC 1738, section 2.2).
const unsafe = "[]|^~{}`\\<>\""

// path returns the path and query of a URL, encoded as invalidations have
// them: what RFC 1738 calls unsafe, and nothing else that is not encoded yet.
func path(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	rest = rest[strings.IndexByte(rest+"/", '/'):]
	return cdn.Escape(rest, unsafe)
}
