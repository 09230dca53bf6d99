//go:build e2e

package e2e

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// Cache-Control as docs/headers.md promises it.
const (
	revalidate = "public, max-age=0, must-revalidate"
	immutable  = "public, max-age=31536000, immutable"
	short      = "public, max-age=300"
)

// generator is a site of testdata/sites and what to do to it.
type generator struct {
	name        string
	prepare     func(*testing.T, *project) // nil: nothing
	fingerprint *regexp.Regexp             // paths whose name has a hash of the content, the submatch

	page         [3]string // a source file of a page: name, text, text instead
	page1        string    // the one output file that this changes; empty: several, because bundles hold the pages
	gone         string    // a source file that is removed
	goneOutput   string    // the page that this removes
	bundle       [3]string // a source file of a bundle: name, text, text instead; empty: no name changes with it
	fewestOutput int       // files, so that an empty build is seen
}

var generators = []generator{
	{
		name: "eleventy", prepare: withNPM, fingerprint: regexp.MustCompile(`^(none)$`), fewestOutput: 8,
		page: [3]string{"docs/soil.md", "Clay, with", "Chalk, with"}, page1: "docs/soil/index.html",
		gone: "posts/chard.md", goneOutput: "posts/chard/index.html",
	},
	{
		name: "vite", prepare: withNPM, fingerprint: regexp.MustCompile(`^assets/[a-z]+-([\w-]{8})\.(?:js|css|js\.map)$`), fewestOutput: 12,
		page: [3]string{"about.html", "counts clicks", "counts taps"}, page1: "about.html",
		gone: "public/icon.svg", goneOutput: "icon.svg",
		bundle: [3]string{"src/style.css", "3rem", "4rem"},
	},
	{
		name: "docusaurus", prepare: withDocusaurus,
		fingerprint:  regexp.MustCompile(`^assets/(?:js/.+\.|css/.+\.|images/.+-)([0-9a-f]{8}|[0-9a-f]{32})\.\w+$`),
		fewestOutput: 80,
		page:         [3]string{"src/pages/markdown-page.mdx", "You don't need React", "Nobody needs React"},
		gone:         "blog/2019-05-29-long-blog-post.mdx", goneOutput: "blog/long-blog-post/index.html",
	},
	{
		name: "hugo", prepare: withHugo, fingerprint: regexp.MustCompile(`^css/site\.([0-9a-f]{64})\.css$`), fewestOutput: 13,
		page: [3]string{"content/docs/_index.md", "above chart datum", "below nothing"}, page1: "docs/index.html",
		gone: "content/notes/fog.md", goneOutput: "notes/fog/index.html",
	},
}

// TestGenerators builds sites with their own generators and deploys them to a
// prefix of a bucket that other things lie in, through a proxy that counts.
func TestGenerators(t *testing.T) {
	program := buildProgram(t)
	for _, g := range generators {
		t.Run(g.name, func(t *testing.T) {
			b := newBucket(t)
			p := newProject(t, program, g.name, map[string]any{"storage": b.storage(prefix)})
			p.env = b.server.Env()
			if g.prepare != nil {
				g.prepare(t, p)
			}
			s := &story{generator: g, bucket: b, project: p, displaced: map[string]bool{}, retained: map[string]string{}, others: map[string]object{
				"index.html":          {"another site", "text/html", "no-cache"},
				"blog-old/index.html": {"the old blog", "text/html", ""},
				prefix + "theirs.txt": {"not ours", "text/plain", ""},
			}}
			for key, o := range s.others {
				b.put(t, key, o)
			}
			for _, step := range []struct {
				name string
				run  func(*story, *testing.T)
			}{
				{"first", (*story).first}, {"rebuilt", (*story).rebuilt}, {"touched", (*story).touched},
				{"edited", (*story).edited}, {"headers", (*story).headers}, {"removed", (*story).removed}, {"renamed", (*story).renamed},
			} {
				if step.name == "renamed" && s.bundle[0] == "" {
					continue
				}
				if !t.Run(step.name, func(t *testing.T) { step.run(s, t) }) {
					break // the next steps build on this one
				}
			}
		})
	}
}

// prefix is where the sites lie. blog-old/ is not below it.
const prefix = "blog/"

// story is the life of one site; its methods are its chapters.
type story struct {
	generator
	bucket  *bucket
	project *project
	others  map[string]object // what else lies in the bucket
	files   map[string]string // the output of the last deploy
	pages   string            // Cache-Control of pages; empty: the default

	displaced map[string]bool   // bytes that the bucket keeps for a rollback
	retained  map[string]string // what the output no longer has, and visitors still get: path → bytes
}

// first installs, builds and deploys.
func (s *story) first(t *testing.T) {
	s.project.deploy(t)
	s.check(t)
	if len(s.files) < s.fewestOutput {
		t.Errorf("the build left %d files", len(s.files))
	}
	got := s.bucket.traffic(t, prefix)
	// A first deploy also tries the storage out, in the state.
	got.reads, got.statePuts, got.deletions, got.bytesSent = 0, 0, 0, 0
	var all []string
	for path := range s.files {
		all = append(all, path)
	}
	slices.Sort(all)
	s.wantTraffic(t, got, traffic{puts: all})
}

// rebuilt builds again from the same sources.
func (s *story) rebuilt(t *testing.T) {
	s.project.deploy(t, "--install", "never")
	s.check(t)
	s.wantTraffic(t, s.bucket.traffic(t, prefix), traffic{reads: 2})
}

// touched gives every file another time.
func (s *story) touched(t *testing.T) {
	root := filepath.Join(s.project.dir, s.project.output)
	at := time.Now().Add(time.Hour)
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(name, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.project.republish(t)
	s.check(t)
	s.wantTraffic(t, s.bucket.traffic(t, prefix), traffic{reads: 2})
}

// edited changes the text of one page.
func (s *story) edited(t *testing.T) {
	old := s.files
	s.project.edit(t, s.page[0], s.page[1], s.page[2])
	written, removed := s.publish(t)
	if s.page1 != "" && !slices.Equal(written, []string{s.page1}) {
		t.Errorf("the edit changed %q", written)
	}
	if len(written) == 0 || len(written) == len(s.files) {
		t.Errorf("the edit changed %d of %d files", len(written), len(s.files))
	}
	s.wantTraffic(t, s.bucket.traffic(t, prefix), s.cost(old, written, removed))
}

// headers changes nothing but a header rule.
func (s *story) headers(t *testing.T) {
	s.pages = "public, max-age=60"
	s.project.configure(t, map[string]any{"headers": []any{
		map[string]any{"source": "**/*.html", "headers": map[string]any{"Cache-Control": s.pages}},
	}})
	s.project.republish(t)
	s.check(t)
	var pages []string
	for path := range s.files {
		if strings.HasSuffix(path, ".html") {
			pages = append(pages, path)
		}
	}
	slices.Sort(pages)
	s.wantTraffic(t, s.bucket.traffic(t, prefix), traffic{reads: 2, copies: pages, statePuts: 4, deletions: 1})
}

// removed takes a page away.
func (s *story) removed(t *testing.T) {
	old := s.files
	s.project.remove(t, s.gone)
	written, removed := s.publish(t)
	if !slices.Contains(removed, s.goneOutput) {
		t.Errorf("removed: %q", removed)
	}
	s.wantTraffic(t, s.bucket.traffic(t, prefix), s.cost(old, written, removed))
}

// renamed changes the content of a bundle, and with it its name. Visitors get the
// old one as before, until its time is over and something else is published.
func (s *story) renamed(t *testing.T) {
	s.project.configure(t, map[string]any{"releases": map[string]any{"retainAssets": "1s"}})
	old, before := s.files, maps.Clone(s.retained)
	s.project.edit(t, s.bundle[0], s.bundle[1], s.bundle[2])
	written, removed := s.publish(t)
	s.wantTraffic(t, s.bucket.traffic(t, prefix), s.cost(old, written, removed))
	due := map[string]string{}
	for path, body := range s.retained {
		if _, ok := before[path]; !ok {
			due[path] = body
			delete(s.retained, path)
		}
	}
	if len(due) == 0 {
		t.Fatalf("nothing is retained; the edit changed %q", written)
	}
	time.Sleep(1100 * time.Millisecond)

	old = s.files
	s.project.edit(t, s.page[0], s.page[2], s.page[1])
	written, removed = s.publish(t)
	want := s.cost(old, written, slices.AppendSeq(removed, maps.Keys(due)))
	want.reads += len(due) // whether it is there
	for _, body := range due {
		if !s.displaced[body] {
			s.displaced[body] = true
			want.statePuts++
		}
	}
	s.wantTraffic(t, s.bucket.traffic(t, prefix), want)
}

// publish builds and deploys, and returns the paths that are to be written,
// and those that are to be deleted at once.
func (s *story) publish(t *testing.T) (written, deleted []string) {
	t.Helper()
	old := s.files
	s.project.deploy(t, "--install", "never")
	s.files = s.project.files(t)
	written, removed := changes(old, s.files)
	for _, path := range removed {
		if s.cacheControl(path) == immutable {
			s.retained[path] = old[path]
		} else {
			deleted = append(deleted, path)
		}
	}
	for _, path := range written {
		delete(s.retained, path)
	}
	s.check(t)
	return written, deleted
}

// cost is what docs/architecture.md says that a deploy asks of the server:
// each changed object once, a copy of all bytes that go away, once for each
// digest, and a constant number of state objects.
func (s *story) cost(old map[string]string, written, removed []string) traffic {
	c := traffic{reads: 2, puts: written, statePuts: 4, deletions: 1}
	if len(removed) > 0 {
		c.statePuts, c.deletions = 5, 2
	}
	for _, path := range append(slices.Clone(written), removed...) {
		if body, ok := old[path]; ok && !s.displaced[body] {
			s.displaced[body] = true
			c.statePuts++
		}
	}
	return c
}

func (s *story) wantTraffic(t *testing.T, got, want traffic) {
	t.Helper()
	if want.statePuts == 0 && got.bytesSent > 0 {
		t.Errorf("%d bytes were sent", got.bytesSent)
	}
	got.bytesSent = 0
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(traffic{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
}

// check reads the whole bucket: every file of the output is there byte for
// byte with its headers, everything else as it was, and nothing more.
func (s *story) check(t *testing.T) {
	t.Helper()
	s.files = s.project.files(t)
	want := map[string]object{}
	for path, body := range s.files {
		want[prefix+path] = object{body, mediaType(t, path), s.cacheControl(path)}
	}
	for path, body := range s.retained {
		want[prefix+path] = object{body, mediaType(t, path), immutable}
	}
	for key, o := range s.others {
		want[key] = o
	}
	got := s.bucket.objects(t)
	records := 0
	for key := range got {
		if strings.HasPrefix(key, prefix+".pandastack/") {
			records++
			delete(got, key)
		}
	}
	if records < 2 {
		t.Errorf("%d records of state: not even a head and a release", records)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{})); diff != "" {
		t.Errorf("in the bucket (-want +got):\n%s", diff)
	}
}

func (s *story) cacheControl(path string) string {
	switch base := path[strings.LastIndexByte(path, '/')+1:]; {
	case strings.HasSuffix(path, ".html") && s.pages != "":
		return s.pages
	case strings.HasSuffix(path, ".html"):
		return revalidate
	case slices.Contains([]string{"feed.xml", "index.xml", "rss.xml", "atom.xml", "sitemap.xml", "robots.txt"}, base):
		return revalidate
	}
	// A hash that happens to be digits alone could be a date: docs/headers.md.
	m := s.fingerprint.FindStringSubmatch(path)
	if m != nil && strings.Trim(m[1], "0123456789") != "" {
		return immutable
	}
	return short
}

// withNPM lets npm keep what it downloads, and not ask again whether that is
// still so: lock files name the versions.
func withNPM(t *testing.T, p *project) {
	p.env = append(p.env, "npm_config_cache="+filepath.Join(testbed.Cache(t), "npm"), "npm_config_prefer_offline=true")
}

// withHugo puts the pinned Hugo on the PATH.
func withHugo(t *testing.T, p *project) {
	dir := filepath.Dir(testbed.Tool(t, "hugo"))
	p.env = append(p.env, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
