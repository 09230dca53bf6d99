package edge

import (
	"cmp"
	"slices"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Home is the path of the page that every proof begins with.
const Home = "index.html"

// Sample chooses at most n of the changes, the same each time: the home page of
// the release in any case, then one removed path, then changed ones of each
// role in turn, pages first. Of a role it takes the path that changed most in
// size, then the first and the last by name, then the others by name.
//
// Objects are those of the release, sorted by path; skip is the path of the
// page for what is not found, whose own URL may have any status. What a
// website endpoint answers with a redirect is left out, what is larger than
// MaxBody, and what was removed while the same bytes are live elsewhere: its
// answer would prove nothing.
func Sample(changes []Change, objects []state.Object, skip string, n int) []Change {
	live := make(map[storage.Digest]bool, len(objects))
	for i := range objects {
		live[objects[i].SHA256] = true
	}
	var home *Change
	if i, ok := slices.BinarySearchFunc(objects, Home, func(o state.Object, p string) int { return cmp.Compare(o.Path, p) }); ok && telling(&objects[i]) {
		home = &Change{Path: Home, New: &objects[i], Old: &objects[i]}
	}
	var removed []Change
	byRole := map[site.Role][]Change{}
	for _, c := range changes {
		switch {
		case c.Path == Home && home != nil: // also where it answers for what is not found
			home.Old, home.Changed = c.Old, c.Changed
		case c.Path == skip:
		case c.New != nil && telling(c.New):
			role := site.RoleOf(c.Path, c.New.Headers[storage.ContentType])
			byRole[role] = append(byRole[role], c)
		case c.New == nil && c.Old != nil && telling(c.Old) && !live[c.Old.SHA256]:
			removed = append(removed, c)
		}
	}
	var out []Change
	if home != nil {
		out = append(out, *home)
	}
	if len(removed) > 0 {
		slices.SortFunc(removed, func(a, b Change) int {
			return cmp.Or(cmp.Compare(rank(a.Path), rank(b.Path)), cmp.Compare(a.Path, b.Path))
		})
		out = append(out, removed[0])
	}
	out = append(out, inTurn(byRole)...)
	return out[:min(n, len(out))]
}

// telling reports whether the answer to an object can be compared with it.
func telling(o *state.Object) bool {
	return o.Size <= MaxBody && o.Headers[storage.WebsiteRedirect] == ""
}

// roles in the order in which a wrong answer hurts.
var roles = []site.Role{site.Page, site.Control, site.ServiceWorker, site.Asset, site.Fingerprinted}

func rank(path string) int { return slices.Index(roles, site.RoleOf(path, "")) }

// inTurn takes one change of each role after the other until none is left.
func inTurn(byRole map[site.Role][]Change) []Change {
	var out []Change
	for _, r := range roles {
		byRole[r] = inOrder(byRole[r])
	}
	for i, more := 0, true; more; i++ {
		more = false
		for _, r := range roles {
			if i < len(byRole[r]) {
				out = append(out, byRole[r][i])
				more = true
			}
		}
	}
	return out
}

// inOrder puts the biggest change first, then the first and the last by name.
func inOrder(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	if len(changes) < 3 {
		return changes
	}
	biggest := slices.MaxFunc(changes, func(a, b Change) int { return cmp.Compare(growth(a), growth(b)) })
	rest := slices.DeleteFunc(changes, func(c Change) bool { return c.Path == biggest.Path })
	last := len(rest) - 1
	return slices.Concat([]Change{biggest, rest[0], rest[last]}, rest[1:last])
}

// growth is by how many bytes a path changed in size.
func growth(c Change) int64 {
	if c.Old == nil {
		return c.New.Size
	}
	return max(c.New.Size-c.Old.Size, c.Old.Size-c.New.Size)
}
