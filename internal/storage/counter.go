package storage

import (
	"io"
	"maps"
	"sync"
)

// Counter counts for a provider what Meter reports. The zero value is ready,
// and its methods are safe for concurrent use.
type Counter struct {
	mu    sync.Mutex
	usage Usage
}

// Request counts one request of a kind that Usage.Requests names.
func (c *Counter) Request(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.usage.Requests == nil {
		c.usage.Requests = map[string]int64{}
	}
	c.usage.Requests[kind]++
}

// SlowDown counts one answer that asked to send less.
func (c *Counter) SlowDown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usage.SlowDowns++
}

// Sent adds n body bytes that were sent.
func (c *Counter) Sent(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usage.BytesSent += n
}

// Received adds n body bytes that were received.
func (c *Counter) Received(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usage.BytesReceived += n
}

// Usage returns the totals so far, which the caller may keep and change.
func (c *Counter) Usage() Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.usage
	u.Requests = maps.Clone(u.Requests)
	return u
}

// CountReceived returns body, counting what is read from it as received.
func (c *Counter) CountReceived(body io.ReadCloser) io.ReadCloser {
	return &countedBody{body, c}
}

type countedBody struct {
	io.ReadCloser
	counter *Counter
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.counter.Received(int64(n))
	return n, err
}
