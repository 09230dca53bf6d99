package deploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// requestDocs is the page whose table TestRequestTable holds to the code.
const requestDocs = "../../docs/requests.md"

// paged is a bucket in memory that counts as S3 does: a list has 1,000 keys, and
// a deletion at most as many.
type paged struct {
	*storagetest.Memory
	storage.Counter
}

const page = 1000

func pages(n int) int { return (n + page - 1) / page }

func (p *paged) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		n := 0
		defer func() {
			for range max(pages(n), 1) {
				p.Request("LIST")
			}
		}()
		for info, err := range p.Memory.List(ctx, prefix) {
			if n++; !yield(info, err) {
				return
			}
		}
	}
}

func (p *paged) Delete(ctx context.Context, keys ...string) error {
	for range pages(len(keys)) {
		p.Request("DELETE")
	}
	return p.Memory.Delete(ctx, keys...)
}

func (p *paged) Copy(ctx context.Context, from storage.CopySource, key string, h storage.Headers) (storage.Info, error) {
	from = from.Resolve()
	if from.Store == storage.Store(p) {
		from.Store = nil // the store that copies
	}
	return p.Memory.Copy(ctx, from, key, h)
}

// kinds are the requests of a row of the table, in its order.
var kinds = [...]string{"GET", "LIST", "PUT", "COPY", "DELETE"}

type counts [len(kinds)]int64

// counts returns what was asked of the bucket so far.
func (p *paged) counts() (out counts) {
	own, all := p.Counter.Usage().Requests, p.Memory.Usage().Requests
	for i, kind := range kinds {
		if out[i] = all[kind]; kind == "LIST" || kind == "DELETE" {
			out[i] = own[kind]
		}
	}
	return out
}

// large is a site of many files, in a bucket that counts.
type large struct {
	t       *testing.T
	bucket  *paged
	src     string
	desired Desired
	table   strings.Builder
}

func newLarge(t *testing.T, files int) *large {
	l := &large{t: t, bucket: &paged{Memory: storagetest.NewMemory()}, src: t.TempDir()}
	for n := range files {
		o, name := l.file(fmt.Sprintf("docs/%05d/index.html", n), "")
		l.desired.Objects, l.desired.Files = append(l.desired.Objects, o), append(l.desired.Files, name)
	}
	return l
}

// file is a page with content of its own, and the name of its file.
func (l *large) file(path, content string) (state.Object, string) {
	content = path + content
	sum := sha256.Sum256([]byte(content))
	name := filepath.Join(l.src, fmt.Sprintf("%x", sum))
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
	h := storage.Headers{storage.ContentType: "text/html; charset=utf-8"}
	return state.Object{Path: path, Size: int64(len(content)), SHA256: sum, Headers: h}, name
}

// edit changes a hundredth of the files.
func (l *large) edit(content string) {
	for n := range len(l.desired.Objects) / 100 {
		l.desired.Objects[n*100], l.desired.Files[n*100] = l.file(l.desired.Objects[n*100].Path, content)
	}
}

func (l *large) options(prefix string) Options {
	return Options{
		Site: state.Site{Prefix: prefix}, Target: prefix, Tool: "test", Keep: 10,
		Live: storage.Prefixed(l.bucket, prefix), State: storage.Prefixed(l.bucket, prefix+".pandastack/"),
	}
}

func (l *large) run() *Run { return Open(l.t.Context(), l.options("www/")) }

func (l *large) deploy() error {
	_, err := l.run().Deploy(l.t.Context(), l.desired)
	return err
}

// read opens the history.
func (l *large) read() *history.Log {
	l.t.Helper()
	o := l.options("www/")
	log, err := history.Open(l.t.Context(), history.Options{Site: o.Site, State: o.State})
	if err != nil {
		l.t.Fatal(err)
	}
	return log
}

// row runs a command and notes what it asked for.
func (l *large) row(name string, run func() error) {
	l.t.Helper()
	before := l.bucket.counts()
	if err := run(); err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	fmt.Fprintf(&l.table, "| %s |", name)
	for i, n := range l.bucket.counts() {
		fmt.Fprintf(&l.table, " %d |", n-before[i])
	}
	l.table.WriteByte('\n')
}

// TestRequestTable counts the requests of each command on a site of 10,000
// files, and compares them with those that the documentation has.
func TestRequestTable(t *testing.T) {
	l := newLarge(t, 10_000)
	l.row("the first `deploy`", l.deploy)
	l.row("`deploy`, `plan`: nothing changed", l.deploy)
	l.edit("2")
	l.row("`deploy`: 1 % of the files changed", l.deploy)
	l.edit("3")
	if err := l.deploy(); err != nil {
		t.Fatal(err)
	}
	l.historyRows()
	l.row("`verify`", func() error { return l.verify(false) })
	l.row("`verify --deep`", func() error { return l.verify(true) })
	l.row("`rollback` of 100 files", func() error { _, err := l.run().Rollback(t.Context(), "previous"); return err })
	if err := l.bucket.Memory.Delete(t.Context(), "www/"+l.desired.Objects[0].Path); err != nil {
		t.Fatal(err)
	}
	l.row("`verify --repair` of 1 deleted file", func() error { _, err := l.run().Repair(t.Context(), false); return err })
	l.row("`gc`: nothing to remove", func() error { return l.gc(l.run().GC, 10) })
	l.row("`gc --keep 1 --dry-run`", func() error { return l.gc(l.run().PreviewGC, 1) })
	l.row("`gc --keep 1`", func() error { return l.gc(l.run().GC, 1) })
	l.row("`promote`, to a site without files", l.promote)
	l.row("`promote`: nothing changed", l.promote)

	b, err := os.ReadFile(requestDocs)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "|---|---|---|---|---|---|\n"+l.table.String()+"\n") {
		t.Errorf("%s has another table than\n%s", requestDocs, l.table.String())
	}
}

// historyRows counts what only reads the records.
func (l *large) historyRows() {
	ctx := l.t.Context()
	l.row("`releases`", func() error { _, err := l.read().List(ctx, 20); return err })
	l.row("`show`", func() error { log := l.read(); _, err := log.Show(ctx, log.IDs()[0]); return err })
	l.row("`show previous`", func() error { log := l.read(); _, err := log.Show(ctx, log.IDs()[1]); return err })
	l.row("`diff previous live~2`", func() error {
		log := l.read()
		_, err1 := log.Release(ctx, log.IDs()[1])
		_, err2 := log.Release(ctx, log.IDs()[2])
		return cmp.Or(err1, err2)
	})
	l.row("`diff previous`", func() error {
		log := l.read()
		_, err1 := log.Release(ctx, log.IDs()[1])
		_, err2 := log.Release(ctx, log.IDs()[0])
		return cmp.Or(err1, err2)
	})
	l.row("`diff`, with the output", func() error { log := l.read(); _, err := log.Release(ctx, log.IDs()[0]); return err })
	l.row("`blame`, of a file that never changed", func() error { _, _, err := l.read().Blame(ctx, "docs/00001/index.html"); return err })
}

func (l *large) verify(deep bool) error {
	v, err := l.run().Verify(l.t.Context(), deep)
	if err == nil && !v.Sound {
		err = fmt.Errorf("%+v", v)
	}
	return err
}

func (l *large) gc(run func(context.Context, Retention, ...string) (event.Collected, error), keep int) error {
	_, err := run(l.t.Context(), Retention{Keep: keep})
	return err
}

func (l *large) promote() error {
	none, err := site.NewHeaderSet(nil)
	if err != nil {
		return err
	}
	from := l.options("www/")
	_, err = Open(l.t.Context(), l.options("shop/")).Promote(l.t.Context(), Promotion{
		From: "staging", Site: from.Site, Live: from.Live, State: from.State, Headers: none, FromHeaders: none,
	})
	return err
}
