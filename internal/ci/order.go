package ci

import (
	"context"
	"strconv"
)

// Order is where a run stands in the order of a site's deploys, compared with
// another one.
type Order int

// The orders.
const (
	Unknown Order = iota // the two cannot be compared
	Newer
	Same
	Older
)

// Compare says where r, whose checkout is dir, stands compared with an earlier
// run. Ancestry decides where the clone knows both commits: it holds across
// branches, workflows and machines. A shallow clone does not know, and after a
// force push neither is the other's ancestor: then whoever can be asked decides,
// and else the ids of the runs do, within one repository. A run that is started
// again keeps its id, so that it stays as old as it was. ask may be nil.
func Compare(ctx context.Context, r, earlier Run, dir string, ask Ask) Order {
	if o := byAncestry(git{ctx: ctx, dir: dir}, r.Commit, earlier.Commit); o != Unknown {
		return o
	}
	if ask != nil && r.Repository != "" && r.Repository == earlier.Repository && r.Commit != "" && earlier.Commit != "" {
		if o := ask(ctx, r.Repository, r.Commit, earlier.Commit); o != Unknown {
			return o
		}
	}
	return byRun(r, earlier)
}

func byAncestry(g git, own, earlier string) Order {
	switch {
	case own == "" || earlier == "":
		return Unknown
	case own == earlier:
		return Same
	case g.isAncestor(earlier, own):
		return Newer
	case g.isAncestor(own, earlier):
		return Older
	default:
		return Unknown
	}
}

// isAncestor reports whether git knows that commit a is an ancestor of b. The
// hashes come from the bucket: what is no hash is not given to git.
func (g git) isAncestor(a, b string) bool {
	if !isHash(a) || !isHash(b) {
		return false
	}
	_, ok := g.run("merge-base", "--is-ancestor", a, b)
	return ok
}

// isHash reports whether s is a full hash of git: SHA-1 or SHA-256.
func isHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func byRun(r, earlier Run) Order {
	if r.Repository == "" || r.Repository != earlier.Repository {
		return Unknown
	}
	own, err1 := strconv.ParseUint(r.RunID, 10, 64)
	other, err2 := strconv.ParseUint(earlier.RunID, 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		return Unknown
	case own > other || own == other && r.RunAttempt > earlier.RunAttempt:
		return Newer
	case own < other || r.RunAttempt < earlier.RunAttempt:
		return Older
	default:
		return Same
	}
}
