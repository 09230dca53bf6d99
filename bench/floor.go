package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/sync/errgroup"
)

// Limit is the tool of samples that are limits, not programs.
const Limit = "limit"

// The limits, as steps of Limit.
const (
	LimitHash      = "walk + SHA-256"
	LimitPut       = "raw PUTs" // of all files, at the best concurrency
	LimitChecked   = "SHA-256, then checked PUTs"
	LimitSmallPuts = "1,000 small PUTs" // of smallSize bytes, at the same
	LimitCopies    = "1,000 copies"     // of files of all kinds, by the server, at the same
	LimitTrip      = "round trip"
	LimitProxyTrip = "round trip, proxy without delay"
)

const (
	smallPuts, smallSize = 1000, 4 << 10
	trips                = 31
	// sweepFiles is how many files find out the best concurrency.
	sweepFiles = 1000
)

// sweep are the numbers of workers that are tried.
var sweep = []int{8, 16, 32, 64, 128}

// floors measures the limits of a round.
func (l *lane) floors(round int) []Sample {
	l.Helper()
	bucket := l.server.NewBucket(l)
	defer l.emptyBucket(bucket)
	names := slices.Sorted(maps.Keys(l.trees.First.Files))
	if l.workers == 0 {
		some := every(names, max(1, len(names)/sweepFiles))
		l.workers = l.best(func(workers int) error { return l.putFiles(l.Context(), bucket, some, workers) })
		l.smallWorkers = l.best(func(workers int) error { return l.putSmall(l.Context(), bucket, workers) })
	}
	samples := []Sample{
		l.limit(LimitPut, l.workers, func(ctx context.Context) error { return l.putFiles(ctx, bucket, names, l.workers) }),
		l.limit(LimitSmallPuts, l.smallWorkers, func(ctx context.Context) error { return l.putSmall(ctx, bucket, l.smallWorkers) }),
		l.limit(LimitCopies, l.smallWorkers, func(ctx context.Context) error { return l.copyFiles(ctx, bucket, names, l.smallWorkers) }),
		l.trip(LimitTrip, bucket),
	}
	if l.delay == 0 {
		samples = append(samples,
			l.limit(LimitHash, runtime.GOMAXPROCS(0), func(ctx context.Context) error { return hashTree(ctx, l.trees.First.Dir, ignore) }),
			l.limit(LimitChecked, l.workers, func(ctx context.Context) error { return l.putChecked(ctx, bucket, names, l.workers) }))
	}
	for i := range samples {
		samples[i].Round = round
	}
	return samples
}

// proxyFloor is what the way through the proxy costs by itself.
func (l *lane) proxyFloor(round int) Sample {
	l.Helper()
	bucket := l.server.NewBucket(l)
	defer l.emptyBucket(bucket)
	s := l.trip(LimitProxyTrip, bucket)
	s.Round = round
	return s
}

// limit measures a function of this process.
func (l *lane) limit(step string, workers int, f func(context.Context) error) Sample {
	l.Helper()
	cpu, started := ownCPU(), time.Now()
	if err := f(l.Context()); err != nil {
		l.Fatalf("%s: %v", step, err)
	}
	s := Sample{Files: len(l.trees.First.Files), Delay: l.delay.Seconds(), Tool: Limit, Step: step, Wall: time.Since(started).Seconds(), Workers: workers}
	if l.proxy == nil { // which works in this process, too
		s.CPU = (ownCPU() - cpu).Seconds()
	}
	l.Logf("%6d files, %3.0f ms, %-14s %-8s %7.4f s, %d workers", s.Files, s.Delay*1000, s.Tool, s.Step, s.Wall, workers)
	return s
}

// trip measures one small GET on a connection that is open.
func (l *lane) trip(step, bucket string) Sample {
	l.Helper()
	c := l.client(1)
	if err := c.send(l.Context(), http.MethodPut, bucket, "trip", []byte("x"), unsigned); err != nil {
		l.Fatal(err)
	}
	var walls []float64
	for range trips {
		started := time.Now()
		if err := c.send(l.Context(), http.MethodGet, bucket, "trip", nil, unsigned); err != nil {
			l.Fatal(err)
		}
		walls = append(walls, time.Since(started).Seconds())
	}
	return Sample{Files: len(l.trees.First.Files), Delay: l.delay.Seconds(), Tool: Limit, Step: step, Wall: median(walls), Workers: 1}
}

// best returns the concurrency at which something is done fastest. The first of
// its runs warms the server up.
func (l *lane) best(do func(workers int) error) int {
	l.Helper()
	best, least := 0, time.Duration(0)
	for i, workers := range append(sweep[:1:1], sweep...) {
		started := time.Now()
		if err := do(workers); err != nil {
			l.Fatal(err)
		}
		if took := time.Since(started); i > 0 && (best == 0 || took < least) {
			best, least = workers, took
		}
	}
	return best
}

// every returns each n-th of the names: of all kinds of files.
func every(names []string, n int) []string {
	var out []string
	for i := 0; i < len(names); i += n {
		out = append(out, names[i])
	}
	return out
}

// putSmall sends smallPuts bodies of smallSize.
func (l *lane) putSmall(ctx context.Context, bucket string, workers int) error {
	c, body := l.client(workers), make([]byte, smallSize)
	return each(ctx, smallPuts, workers, func(ctx context.Context, i int) error {
		return c.send(ctx, http.MethodPut, bucket, fmt.Sprint("small/", i), body, unsigned)
	})
}

// copyFiles lets the server copy smallPuts of the files that putFiles sent: a
// rollback does nothing else with bytes. A site with fewer has each copied more
// than once.
func (l *lane) copyFiles(ctx context.Context, bucket string, names []string, workers int) error {
	c, some := l.client(workers), every(names, max(1, len(names)/smallPuts))
	return each(ctx, smallPuts, workers, func(ctx context.Context, i int) error {
		return c.copy(ctx, bucket, some[i%len(some)], fmt.Sprint("copies/", i))
	})
}

// putFiles reads and sends files, and does nothing else.
func (l *lane) putFiles(ctx context.Context, bucket string, names []string, workers int) error {
	return l.send(ctx, names, workers, func(ctx context.Context, c *client, name string, body []byte) error {
		return c.send(ctx, http.MethodPut, bucket, name, body, unsigned)
	})
}

// putChecked is the least that a deploy does which knows all of its output before
// its first write, and lets the server check what arrives: it hashes all files,
// and then sends them with their digests.
func (l *lane) putChecked(ctx context.Context, bucket string, names []string, workers int) error {
	var mu sync.Mutex
	sums := map[string]string{}
	err := hashTree(ctx, l.trees.First.Dir, func(name string, sum [sha256.Size]byte) {
		mu.Lock()
		defer mu.Unlock()
		sums[name] = hex.EncodeToString(sum[:])
	})
	if err != nil {
		return err
	}
	return l.send(ctx, names, workers, func(ctx context.Context, c *client, name string, body []byte) error {
		return c.send(ctx, http.MethodPut, bucket, "checked/"+name, body, sums[l.source(name)])
	})
}

// source returns the file of a path of the first tree.
func (l *lane) source(name string) string {
	return filepath.Join(l.trees.First.Dir, filepath.FromSlash(name))
}

// send reads files, and calls f with each.
func (l *lane) send(ctx context.Context, names []string, workers int, f func(ctx context.Context, c *client, name string, body []byte) error) error {
	c := l.client(workers)
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	return each(ctx, len(names), workers, func(ctx context.Context, i int) error {
		body := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(body) // the server has answered that it has all of it
		body.Reset()
		file, err := os.Open(l.source(names[i]))
		if err != nil {
			return err
		}
		defer file.Close() // read only
		if _, err := body.ReadFrom(file); err != nil {
			return err
		}
		return f(ctx, c, names[i], body.Bytes())
	})
}

func each(ctx context.Context, n, workers int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

// ignore does nothing with a digest.
func ignore(string, [sha256.Size]byte) {}

// hashTree walks a directory and hashes all files, on all cores; found may be
// called by several at once.
func hashTree(ctx context.Context, dir string, found func(name string, sum [sha256.Size]byte)) error {
	names := make(chan string, 256)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(names)
		return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			select {
			case names <- name:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			buf := make([]byte, 256<<10)
			for name := range names {
				sum, err := hashFile(name, buf)
				if err != nil {
					return err
				}
				found(name, sum)
			}
			return nil
		})
	}
	return g.Wait()
}

func hashFile(name string, buf []byte) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close() // read only
	h := sha256.New()
	// Without the methods that io.Copy would prefer to the buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
	h.Sum(sum[:0])
	return sum, err
}

// client is as little of an S3 client as a server accepts: one signature and
// one request, on connections that stay open.
type client struct {
	http             *http.Client
	signer           *v4.Signer
	keys             aws.Credentials
	endpoint, region string
}

func (l *lane) client(workers int) *client {
	return &client{
		http:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true, WriteBufferSize: 64 << 10}},
		signer: v4.NewSigner(), keys: aws.Credentials{AccessKeyID: l.server.AccessKey, SecretAccessKey: l.server.SecretKey},
		endpoint: l.endpoint, region: l.server.Region,
	}
}

// unsigned stands for the SHA-256 of a body that nobody hashes.
const unsigned = "UNSIGNED-PAYLOAD"

// send makes one request and reads its answer. The SHA-256 of the body is sum.
func (c *client) send(ctx context.Context, method, bucket, key string, body []byte, sum string) error {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+"/"+bucket+"/"+key, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return c.do(ctx, req, sum)
}

// copy lets the server copy an object.
func (c *client) copy(ctx context.Context, bucket, from, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.endpoint+"/"+bucket+"/"+to, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Amz-Copy-Source", "/"+bucket+"/"+from)
	return c.do(ctx, req, unsigned)
}

// do signs a request, sends it and reads its answer.
func (c *client) do(ctx context.Context, req *http.Request, sum string) error {
	req.Header.Set("X-Amz-Content-Sha256", sum)
	if err := c.signer.SignHTTP(ctx, c.keys, req, sum, "s3", c.region, time.Now()); err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(req.Method + " " + req.URL.Path + ": " + resp.Status)
	}
	return nil
}
