package cdn

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Each sends requests, n at once, and stops at the first that fails. send
// returns how many requests it made, and nil where all of them were
// acknowledged. Each is what most purgers are made of. Where ctx ended before
// all was acknowledged, its error is returned: what the requests in flight say
// is only its echo.
func Each(ctx context.Context, n int, requests []Request, send func(context.Context, Request) (int, error)) (Result, error) {
	var mu sync.Mutex
	var res Result
	done := make([]bool, len(requests))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(n)
	for i, r := range requests {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			made, err := send(gctx, r)
			mu.Lock()
			defer mu.Unlock()
			res.Requests += made
			if err == nil {
				res.URLs += r.Covers
				done[i] = true
			}
			return err
		})
	}
	err := g.Wait()
	for i, r := range requests {
		if !done[i] {
			res.Owed = append(res.Owed, r)
		}
	}
	if ctx.Err() != nil && len(res.Owed) > 0 {
		err = ctx.Err()
	}
	return res, err
}
