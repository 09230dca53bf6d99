//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// What is said where a storage breaks a promise.
const (
	saysConditions = "warning: the storage does not keep the conditions of writes: two deploys at the same moment may overwrite each other"
	saysCopies     = "the storage does not copy on its side as it is asked to"
)

// liars are servers that answer 200 and do something else.
var liars = []struct {
	name  string
	start func(testing.TB) *testbed.S3
	caps  state.Capabilities // what a probe must find
	cache bool               // it keeps Cache-Control; rclone has headers in another place than the object, and sometimes loses them
	racy  bool               // it breaks the condition of an update in so short a moment that a probe may miss it
}{
	{"s3rver", testbed.S3rver, state.Capabilities{Create: state.Broken, Update: state.Broken, Copy: state.Kept, CopyIf: state.Broken, Payload: state.Broken}, true, false},
	{"rclone", testbed.RcloneServe, state.Capabilities{Create: state.Kept, Update: state.Broken, Copy: state.Broken, CopyIf: state.Refused, Payload: state.Broken}, false, true},
	{"gofakes3", testbed.GoFakeS3, state.Capabilities{Create: state.Kept, Update: state.Kept, Copy: state.Broken, CopyIf: state.Refused, Payload: state.Broken}, false, false},
}

// TestLiars lives the life of a site on each of the servers that lie: the
// program says what is not promised, once in each run that writes, and the
// bucket holds the right site after each.
func TestLiars(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	for _, l := range liars {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			b := bucketOf(t, l.start(t))
			p := newProject(t, program, "plain", map[string]any{"storage": b.storage(prefix)})
			p.env = b.server.Env()
			other := object{"another site", "text/html", ""}
			b.put(t, "index.html", other)
			step := func(t *testing.T, writes bool, args ...string) {
				t.Helper()
				out := p.run(t, args...)
				found := b.head(t).Capabilities
				for says, broken := range map[string]bool{
					saysConditions: found.Create == state.Broken || found.Update == state.Broken,
					saysCopies:     found.Copy == state.Broken || found.CopyIf == state.Broken,
				} {
					want := 0
					if writes && broken {
						want = 1
					}
					if n := strings.Count(out, says); n != want {
						t.Errorf("%v says %d times, and not %d, %q:\n%s", args, n, want, says, out)
					}
				}
				b.wantSite(t, p.files(t), l.cache)
				if got := b.objects(t)["index.html"]; got.body != other.body {
					t.Errorf("the neighbour is %q", got.body)
				}
			}
			step(t, true, "deploy")
			found := *b.head(t).Capabilities
			if l.racy {
				found.Update = l.caps.Update
			}
			if want := l.caps; found.Create != want.Create || found.Update != want.Update || found.Copy != want.Copy || found.CopyIf != want.CopyIf || found.Payload != want.Payload {
				t.Errorf("found %+v, want %+v", found, want)
			}
			step(t, false, "deploy")

			first := p.files(t)
			p.write(t, "index.html", "<title>another home</title>")
			p.write(t, "new.html", "<title>new</title>")
			p.remove(t, p.output+"/404.html")
			step(t, true, "deploy")
			p.configure(t, map[string]any{"headers": []any{map[string]any{"source": "**/*.html", "headers": map[string]any{"Content-Language": "de"}}}})
			step(t, true, "deploy")

			// Two steps back, to what was deployed first.
			p.restore(t, first)
			step(t, true, "rollback", b.record(t, b.record(t, b.head(t).Live).Parent).Parent)
			if got := *b.head(t).Capabilities; !got.Checked.Equal(found.Checked) {
				t.Error("the storage was tried out again")
			}
		})
	}
}

// write writes a file of the output.
func (p *project) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, p.output, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// restore makes the output what it was.
func (p *project) restore(t *testing.T, files map[string]string) {
	t.Helper()
	for name := range p.files(t) {
		if _, ok := files[name]; !ok {
			p.remove(t, filepath.Join(p.output, name))
		}
	}
	for name, content := range files {
		p.write(t, name, content)
	}
}

// wantSite compares the objects below prefix with an output, the records and
// what a probe writes apart.
func (b *bucket) wantSite(t *testing.T, files map[string]string, cache bool) {
	t.Helper()
	got := map[string]string{}
	for key, o := range b.objects(t) {
		path, below := strings.CutPrefix(key, prefix)
		switch {
		case strings.HasSuffix(path, "/"): // a folder that rclone, busy, did not remove with the last of its files
		case strings.HasPrefix(path, state.Dir+"/"+state.ProbeDir):
			t.Errorf("%s is left of the probe", key)
		case !below || strings.HasPrefix(path, state.Dir+"/"):
		default:
			got[path] = o.body
			if o.contentType != mediaType(t, path) || cache && o.cacheControl == "" {
				t.Errorf("%s has %q, %q", path, o.contentType, o.cacheControl)
			}
		}
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("the bucket differs (-want +got):\n%s", diff)
	}
}

// head reads the head of the site below prefix.
func (b *bucket) head(t *testing.T) *state.Head {
	t.Helper()
	h, err := state.DecodeHead(strings.NewReader(b.objects(t)[prefix+state.Dir+"/"+state.HeadKey].body), state.Site{Bucket: b.name, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// record reads a release of the site below prefix.
func (b *bucket) record(t *testing.T, id string) *state.Release {
	t.Helper()
	r, err := state.DecodeRelease(strings.NewReader(b.objects(t)[prefix+state.Dir+"/"+state.ReleaseKey(id)].body), state.Site{Bucket: b.name, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
