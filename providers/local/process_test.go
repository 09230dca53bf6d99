package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
)

// The test program is its own helper: with these in its environment it writes
// to the directory until it is done or killed.
const (
	roleVariable = "LOCAL_TEST_ROLE"
	dirVariable  = "LOCAL_TEST_DIR"
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "count":
		exitOn(count(os.Getenv(dirVariable), increments))
	case "overwrite":
		exitOn(overwriteForever(os.Getenv(dirVariable)))
	default:
		exitOn(fmt.Errorf("no role %q", role))
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// helper returns the command that runs this program in a role.
func helper(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

const increments = 40

// count adds one to the number in the object counter, n times, by
// compare-and-swap.
func count(dir string, n int) error {
	s, err := local.New(dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for done := 0; done < n; {
		o, err := s.Get(ctx, "counter")
		if err != nil {
			return err
		}
		text, err := io.ReadAll(o.Body)
		o.Body.Close()
		if err != nil {
			return err
		}
		value, err := strconv.Atoi(string(text))
		if err != nil {
			return err
		}
		next := storage.Bytes([]byte(strconv.Itoa(value + 1)))
		_, err = s.Put(ctx, "counter", next, nil, storage.Condition{ETag: o.ETag})
		if err == nil {
			done++
		} else if !errors.Is(err, storage.ErrPrecondition) {
			return err
		}
	}
	return nil
}

// Conditions hold between processes: no update is lost.
func TestCompareAndSwapBetweenProcesses(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "counter", "0")
	const processes = 4
	running := make([]*exec.Cmd, processes)
	for i := range running {
		running[i] = helper(t, "count", s.Dir())
		if err := running[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a writer: %v", err)
		}
	}
	if _, body := get(t, s, "counter"); body != strconv.Itoa(processes*increments) {
		t.Errorf("%d increments counted to %s", processes*increments, body)
	}
}

// version returns the n-th content of an object, and headers that name it. All
// are of one size, so that no record can be told by that.
func version(n int) (string, storage.Headers) {
	name := fmt.Sprintf("%08d", n)
	return strings.Repeat(name+" ", 3000), storage.Headers{"X-Amz-Meta-Version": name}
}

func overwriteForever(dir string) error {
	s, err := local.New(dir)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		body, headers := version(n)
		if _, err := s.Put(context.Background(), "page.html", storage.Bytes([]byte(body)), headers, storage.Condition{}); err != nil {
			return err
		}
		if n == 0 {
			fmt.Println("started")
		}
	}
}

// Whenever a writer is killed, the object is whole: bytes and headers of one
// Put. The next writer is not held up.
func TestKilledWriterLeavesWholeObjects(t *testing.T) {
	s := open(t, t.TempDir())
	for round := range 25 {
		cmd := helper(t, "overwrite", s.Dir())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("started"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		info, body := get(t, s, "page.html")
		name, _, _ := strings.Cut(body, " ")
		if info.Headers["X-Amz-Meta-Version"] != name || body != strings.Repeat(name+" ", 3000) {
			t.Fatalf("round %d: %d bytes of version %q have the headers %v", round, len(body), name, info.Headers)
		}
		if _, err := s.Put(t.Context(), "page.html", storage.Bytes([]byte(body)), info.Headers, storage.Condition{ETag: info.ETag}); err != nil {
			t.Fatalf("round %d: the next writer: %v", round, err)
		}
	}
}
