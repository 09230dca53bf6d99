package testbed

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTime = 60 * time.Second // a loaded machine starts MinIO in seconds
	stopTime  = 5 * time.Second
)

// process is a server that this test process started.
type process struct {
	cmd    *exec.Cmd
	log    log
	exited chan struct{}
}

// start runs a server. It dies with this process, however that ends: by
// cleanup, and on Linux by the kernel's doing where cleanup does not run.
func start(bin string, args, env []string) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = childAttr()
	started := make(chan error)
	go func() {
		// The kernel kills the child when the thread that started it ends,
		// so that thread is kept for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // why it ended is in its log
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", bin, err)
	}
	return p, nil
}

// stop ends the process: politely, then not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return
	case <-time.After(stopTime):
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// healthy waits until url answers 200.
func (p *process) healthy(url string) error {
	return p.answers(url, func(status int) bool { return status == http.StatusOK })
}

// answers waits until url answers with a status that is ready.
func (p *process) answers(url string, ready func(status int) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		if status := ask(ctx, url); status != 0 && ready(status) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the server ended:\n%s", p.log.tail(0))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer after %v:\n%s", url, startTime, p.log.tail(0))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask returns the status that url answers with, or 0.
func ask(ctx context.Context, url string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// log is a server's output.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends to the log.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Len()
}

// tail returns what was written from offset on, at most its last 8 KiB.
func (l *log) tail(offset int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buf.Bytes()[offset:]
	return string(b[max(0, len(b)-8<<10):])
}

// attach shows the test, where it fails, what the server wrote meanwhile.
func (p *process) attach(t testing.TB, name string) {
	from := p.log.len()
	t.Cleanup(func() {
		if out := p.log.tail(from); t.Failed() && out != "" {
			t.Logf("%s wrote:\n%s", name, out)
		}
	})
}
