package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/state"
)

// pages returns as many pages of one byte, and the extra objects, sorted.
func pages(n int, extra ...state.Object) []state.Object {
	out := slices.Clone(extra)
	for i := range n {
		out = append(out, object(fmt.Sprintf("p%05d.html", i), 1, html, "e"))
	}
	slices.SortFunc(out, func(a, b state.Object) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// chunks returns files whose names a bundler made.
func chunks(n int, build string) []state.Object {
	var out []state.Object
	for i := range n {
		out = append(out, object(fmt.Sprintf("assets/app%03d-%s%04x.js", i, build, i), 1, css, "e"))
	}
	return out
}

// sized is a file of so many bytes.
func sized(path string, size int64) state.Object {
	o := object(path, 9, css, "")
	o.Size = size
	return o
}

func diff(t interface {
	Helper()
	Fatal(...any)
}, live, desired []state.Object) *Plan {
	t.Helper()
	p, err := Diff(Input{Desired: desired, Live: live, MixedPaths: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// described returns the messages and hints of an error of Check.
func described(err error) string {
	var broken GuardErrors
	if err == nil {
		return ""
	}
	if !errors.As(err, &broken) {
		return "not GuardErrors: " + err.Error()
	}
	var b strings.Builder
	for _, e := range broken {
		fmt.Fprintf(&b, "%s\nhint: %s\n", e.Error(), e.Hint())
	}
	return b.String()
}

func percent(n int) *Amount { return &Amount{N: n, Percent: true} }

func count(n int) *Amount { return &Amount{N: n} }

func TestCheckDeletions(t *testing.T) {
	const hint = "\nhint: Is the output complete, and is this its bucket and prefix? If so, raise guards.maxDelete; \"100%\" allows any number.\n"
	for _, tt := range []struct {
		name          string
		live, desired []state.Object
		most          *Amount
		want          string
	}{
		{"the first deploy", nil, pages(3), count(0), ""},
		{"off", pages(30), nil, nil, ""},
		{"all, where all are allowed", pages(30), nil, percent(100), ""},
		{"half", pages(30), pages(15), percent(50), ""},
		{"one more than half", pages(130), pages(64), percent(50), "the deploy would delete 66 of 130 files, more than guards.maxDelete allows (50%)" + hint},
		{"a small site", pages(SmallSite), nil, percent(50), ""},
		{"one that is just not small", pages(SmallSite + 1), nil, percent(50), "the deploy would delete 21 of 21 files, more than guards.maxDelete allows (50%)" + hint},
		{"a small site, by count", pages(3), pages(2), count(0), "the deploy would delete 1 of 3 files, more than guards.maxDelete allows (0)" + hint},
		{"as many as allowed", pages(10), pages(8), count(2), ""},
		{"another site of the same size", pages(30), pages(0, chunks(30, "3f9c1b2e")...), percent(50), "the deploy would delete 30 of 30 files, more than guards.maxDelete allows (50%)" + hint},
		{"every chunk renamed", pages(30, chunks(300, "3f9c1b2e")...), pages(30, chunks(300, "8e0d7a51")...), count(0), ""},
		{"a page among renamed chunks", pages(2, chunks(30, "3f9c1b2e")...), pages(1, chunks(30, "8e0d7a51")...), count(0),
			"the deploy would delete 1 of 2 files without a fingerprinted name, more than guards.maxDelete allows (0)" + hint},
		{"few pages among many chunks", pages(3, chunks(300, "3f9c1b2e")...), pages(0, chunks(300, "8e0d7a51")...), percent(1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(diff(t, tt.live, tt.desired), tt.live, Guards{MaxDelete: tt.most})
			if diff := cmp.Diff(tt.want, described(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheckCounts(t *testing.T) {
	share := func(n int) *int { return &n }
	for _, tt := range []struct {
		name          string
		live, desired int
		guards        Guards
		want          string
	}{
		{"few enough gone", 130, 65, Guards{MaxShrink: share(50)}, ""},
		{"too many gone", 130, 64, Guards{MaxShrink: share(50)}, "the site would shrink from 130 to 64 files, by more than guards.maxShrink allows (50%)\n" +
			"hint: Is the output complete? If so, raise guards.maxShrink; \"100%\" allows any shrinking.\n"},
		{"to one", 21, 1, Guards{MaxShrink: share(0)}, "the site would shrink from 21 to 1 file, by more than guards.maxShrink allows (0%)\n" +
			"hint: Is the output complete? If so, raise guards.maxShrink; \"100%\" allows any shrinking.\n"},
		{"a small site", 20, 1, Guards{MaxShrink: share(0)}, ""},
		{"growth", 30, 300, Guards{MaxShrink: share(0)}, ""},
		{"the first deploy", 0, 1, Guards{MaxShrink: share(0)}, ""},
		{"all allowed", 1000, 0, Guards{MaxShrink: share(100)}, ""},
		{"enough files", 0, 10, Guards{MinFiles: 10}, ""},
		{"too few files", 10, 9, Guards{MinFiles: 10}, "the site would have 9 files, fewer than guards.minFiles asks for (10)\n" +
			"hint: Is the output complete? If so, lower guards.minFiles.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			live := pages(tt.live)
			if diff := cmp.Diff(tt.want, described(Check(diff(t, live, pages(tt.desired)), live, tt.guards))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheckSizes(t *testing.T) {
	const mega = 1_000_000
	files := []state.Object{sized("a.mp4", 30*mega), sized("b.mp4", 1200*mega), sized("c.mp4", 25*mega+1), sized("d.mp4", 25*mega), sized("e.mp4", 26*mega), sized("f.mp4", 26*mega)}
	const fileHint = "\nhint: Leave such files out with \"ignore\", or raise guards.maxFileSize; 0 is no limit.\n"
	const totalHint = "\nhint: Leave files out with \"ignore\", or raise guards.maxTotalSize; 0 is no limit.\n"
	for _, tt := range []struct {
		name   string
		guards Guards
		want   string
	}{
		{"off", Guards{}, ""},
		{"just enough", Guards{MaxFileSize: 1200 * mega, MaxTotalSize: 1332*mega + 1}, ""},
		{"one file", Guards{MaxFileSize: 1 << 30}, `the site would have a file larger than guards.maxFileSize allows (1.0 GiB): "b.mp4" (1.1 GiB)` + fileHint},
		{"by one byte", Guards{MaxFileSize: 1200*mega - 1}, `the site would have a file larger than guards.maxFileSize allows (1199999999 bytes): "b.mp4" (1200000000 bytes)` + fileHint},
		{"several files, the largest first", Guards{MaxFileSize: 25 * mega}, `the site would have files larger than guards.maxFileSize allows (25 MB): "b.mp4" (1.2 GB), "a.mp4" (30 MB), "e.mp4" (26 MB) and 2 more` + fileHint},
		{"total", Guards{MaxTotalSize: 1000 * mega}, "the site would have 1.3 GB, more than guards.maxTotalSize allows (1.0 GB)" + totalHint},
		{"total, rounded the same", Guards{MaxTotalSize: 1300 * mega}, "the site would have 1332000001 bytes, more than guards.maxTotalSize allows (1.3 GB)" + totalHint},
		{"total, by one byte", Guards{MaxTotalSize: 1332 * mega}, "the site would have 1332000001 bytes, more than guards.maxTotalSize allows (1332000000 bytes)" + totalHint},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, live := range [][]state.Object{nil, files} { // what is live already counts the same
				if diff := cmp.Diff(tt.want, described(Check(diff(t, live, files), live, tt.guards))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestCheckTogether checks that all broken limits are reported at once, and
// what a program can read of them.
func TestCheckTogether(t *testing.T) {
	live, desired := pages(40), []state.Object{sized("z", 2048)}
	none := 0
	err := Check(diff(t, live, desired), live, Guards{
		MaxDelete: count(39), MinFiles: 2, MaxShrink: &none, MaxFileSize: 1024, MaxTotalSize: 1024,
	})
	var broken GuardErrors
	if !errors.As(err, &broken) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range broken {
		if e.Hint() == "" {
			t.Errorf("%s has no hint", e.Rule)
		}
		if e.Setting != "" && !strings.Contains(e.Error(), e.Setting) {
			t.Errorf("%q does not name %s", e, e.Setting)
		}
		got = append(got, fmt.Sprintf("%s | %s | %s | %s | %d", e.Rule, e.Got, e.Limit, e.Setting, len(e.Paths)))
	}
	want := []string{
		"maxDelete | 40 of 40 files | 39 | guards.maxDelete | 40",
		"minFiles | 1 file | 2 | guards.minFiles | 0",
		"maxShrink | from 40 to 1 file | 0% | guards.maxShrink | 0",
		"maxFileSize | 2.0 KiB | 1.0 KiB | guards.maxFileSize | 1",
		"maxTotalSize | 2.0 KiB | 1.0 KiB | guards.maxTotalSize | 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != len(broken) || lines[1] != broken[1].Error() {
		t.Errorf("got %q", err)
	}
	var one *GuardError
	if !errors.As(err, &one) || one != broken[0] {
		t.Errorf("errors.As found %v", one)
	}
	if !slices.IsSorted(broken[0].Paths) {
		t.Error("the deleted paths are not sorted")
	}
}

// drawPlan draws a site before and after a deploy, on both sides of SmallSite.
func drawPlan(t *rapid.T) (*Plan, []state.Object) {
	draw := func(label string) []state.Object {
		from := rapid.IntRange(0, 40).Draw(t, label+" from")
		all := pages(80, chunks(20, "3f9c1b2e")...)[from:]
		list := all[:rapid.IntRange(0, len(all)).Draw(t, label)]
		for i := range list {
			list[i].Size = rapid.Int64Range(0, 40).Draw(t, "size")
		}
		return list
	}
	live := draw("live")
	return diff(t, live, draw("desired")), live
}

// drawGuards draws guards with some off, and the same ones loosened.
func drawGuards(t *rapid.T) (tight, loose Guards) {
	pair := func(label string, most int) (low, high int) {
		low = rapid.IntRange(1, most).Draw(t, label)
		if rapid.Bool().Draw(t, label+" is off") {
			return low, 0
		}
		return low, rapid.IntRange(low, most).Draw(t, label+" loosened")
	}
	low, high := pair("bytes", 60)
	tight.MaxFileSize, loose.MaxFileSize = int64(low), int64(high)
	low, high = pair("total", 4000)
	tight.MaxTotalSize, loose.MaxTotalSize = int64(low), int64(high)
	tight.MinFiles = rapid.IntRange(0, 100).Draw(t, "files")
	loose.MinFiles = rapid.IntRange(0, tight.MinFiles).Draw(t, "files loosened")
	if low, high := pair("shrink", 100); high > 0 {
		tight.MaxShrink, loose.MaxShrink = &low, &high
	} else {
		tight.MaxShrink = &low
	}
	byPercent := rapid.Bool().Draw(t, "percent")
	low, high = pair("delete", 100)
	tight.MaxDelete = &Amount{N: low, Percent: byPercent}
	if high > 0 {
		loose.MaxDelete = &Amount{N: high, Percent: byPercent}
	}
	return tight, loose
}

func rules(err error) map[string]bool {
	out := map[string]bool{}
	var broken GuardErrors
	errors.As(err, &broken)
	for _, e := range broken {
		out[e.Rule] = true
	}
	return out
}

// TestCheckIsMonotone checks that no guards refuse nothing, that looser guards
// refuse nothing that tighter ones let pass, and that neither changes the plan.
func TestCheckIsMonotone(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		p, live := drawPlan(t)
		before := slices.Clone(p.Changes)
		if err := Check(p, live, Guards{}); err != nil {
			t.Fatalf("without guards: %v", err)
		}
		tight, loose := drawGuards(t)
		by, also := rules(Check(p, live, tight)), rules(Check(p, live, loose))
		for rule := range also {
			if !by[rule] {
				t.Fatalf("%s refuses only when it is looser", rule)
			}
		}
		if diff := cmp.Diff(before, p.Changes); diff != "" {
			t.Fatalf("the plan changed: %s", diff)
		}
		maps.Copy(seen, by)
	})
	if len(seen) != 5 {
		t.Errorf("only %v were ever broken", slices.Sorted(maps.Keys(seen)))
	}
}

// TestCheckExactly compares the counted guards with their definition.
func TestCheckExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, live := drawPlan(t)
		n := rapid.IntRange(0, 100).Draw(t, "limit")
		named, gone := 0, 0
		for _, o := range live {
			if strings.HasPrefix(o.Path, "assets/") {
				continue
			}
			named++
			if !p.Has(o.Path) {
				gone++
			}
		}
		for _, tt := range []struct {
			guards Guards
			want   bool
		}{
			{Guards{MaxDelete: count(n)}, gone > n},
			{Guards{MaxDelete: percent(n)}, named > 20 && float64(gone)/float64(named) > float64(n)/100+1e-9},
			{Guards{MaxShrink: &n}, len(live) > 20 && float64(len(live)-len(p.Objects))/float64(len(live)) > float64(n)/100+1e-9},
			{Guards{MinFiles: n}, len(p.Objects) < n},
		} {
			if got := Check(p, live, tt.guards) != nil; got != tt.want {
				t.Fatalf("refused: %v, should be %v (%d of %d gone, %d live, %d desired, limit %d)", got, tt.want, gone, named, len(live), len(p.Objects), n)
			}
		}
	})
}
