package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// readHead reads the head. The first error says why it cannot be read.
func (s *survey) readHead(ctx context.Context) (bad, err error) {
	s.now = s.Now()
	info, bad, err := s.decode(ctx, state.HeadKey, func(r io.Reader) (err error) {
		s.head, err = state.DecodeHead(r, s.Site)
		return err
	})
	s.out.HeadETag = info.ETag
	if !info.Date.IsZero() {
		s.now = info.Date
	}
	return bad, err
}

func (s *survey) headETag(ctx context.Context) (string, error) {
	obj, err := s.State.Get(ctx, state.HeadKey)
	if errors.Is(err, storage.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return obj.ETag, obj.Body.Close()
}

// decode reads an object of the state. The first error says that it is missing
// or corrupt, the second that this cannot be known, or that it is not ours to
// judge.
func (s *survey) decode(ctx context.Context, key string, f func(io.Reader) error) (info storage.Info, bad, err error) {
	obj, err := s.State.Get(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return storage.Info{}, err, nil
	}
	if err != nil {
		return storage.Info{}, nil, err
	}
	defer obj.Body.Close()
	err = f(obj.Body)
	var corrupt *state.CorruptError
	if errors.As(err, &corrupt) {
		return obj.Info, err, nil
	}
	return obj.Info, nil, err
}

// record reads a release.
func (s *survey) record(ctx context.Context, id string) (rel *state.Release, bad, err error) {
	_, bad, err = s.decode(ctx, state.ReleaseKey(id), func(r io.Reader) error {
		var err error
		if rel, err = state.DecodeRelease(r, s.Site); err != nil {
			return err
		}
		if rel.ID != id {
			return &state.CorruptError{Kind: "release", Err: fmt.Errorf("it is that of %s, not of %s", rel.ID, id)}
		}
		return nil
	})
	if bad != nil || err != nil {
		return nil, bad, err
	}
	return rel, nil, nil
}

// readIntents reads the intents that the head names, or, without a head, all.
func (s *survey) readIntents(ctx context.Context) error {
	s.intents = map[string]*state.Intent{}
	ids := s.named()
	if s.head == nil {
		for key := range s.state {
			if id, ok := strings.CutPrefix(key, "intents/"); ok && state.ValidID(id) {
				ids[id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if err := s.readIntent(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// readIntent reads an intent. One that is missing touched nothing, or is
// forgotten because nothing is left to do.
func (s *survey) readIntent(ctx context.Context, id string) error {
	var in *state.Intent
	_, bad, err := s.decode(ctx, state.IntentKey(id), func(r io.Reader) (err error) {
		in, err = state.DecodeIntent(r, s.Site)
		if err == nil && in.ID != id {
			err = &state.CorruptError{Kind: "intent", Err: fmt.Errorf("it is that of %s, not of %s", in.ID, id)}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case errors.Is(bad, storage.ErrNotExist):
		return nil
	case bad != nil:
		if s.head != nil {
			s.strange = append(s.strange, id)
			s.find(Finding{Kind: IntentUnreadable, State: true, Path: state.IntentKey(id), Detail: "the keys that a deploy may have touched: the list " + words(bad)})
		}
		return nil
	}
	s.intents[id] = in
	for _, t := range in.Touches {
		s.doubts[t.Path] = true
	}
	return nil
}

// list lists the state and the site, and apart from that the sites that are
// nested below.
func (s *survey) list(ctx context.Context) error {
	s.state, s.live, s.nested = map[string]storage.Info{}, map[string]storage.Info{}, map[string]storage.Info{}
	nested := map[string]bool{}
	for info, err := range s.State.List(ctx, "") {
		if err != nil {
			return err
		}
		if dir, ok := strings.CutSuffix(info.Key, "/"+state.HeadKey); ok { // a site that shares the state's prefix
			nested[dir] = true
		}
		s.state[info.Key] = info
	}
	for info, err := range s.Live.List(ctx, "") {
		if err != nil {
			return err
		}
		dir, isState := cutStateDir(info.Key)
		switch {
		case isState && dir != "":
			nested[dir] = true
		case isState, info.Key == "", s.isAside(info.Key):
		default:
			s.live[info.Key] = info
		}
	}
	maps.DeleteFunc(s.state, func(key string, _ storage.Info) bool { return below(nested, key) })
	maps.DeleteFunc(s.live, func(key string, info storage.Info) bool {
		inside := below(nested, key)
		if inside {
			s.nested[key] = info
		}
		return inside
	})
	return nil
}

// claim takes for the site's what a release has below a nested site and is
// there as recorded: the other site came later, and left it alone.
func (s *survey) claim(rel *state.Release) {
	for o := range described(rel) {
		if info, inside := s.nested[o.Path]; inside && listedAs(info, o) {
			s.live[o.Path] = info
		}
	}
}

// cutStateDir reports whether a key lies in a state, and returns the path of
// the site that this is the state of.
func cutStateDir(key string) (dir string, ok bool) {
	dir, _, ok = strings.Cut("/"+key, "/"+state.Dir+"/")
	return strings.TrimPrefix(dir, "/"), ok
}

func (s *survey) isAside(key string) bool {
	return slices.ContainsFunc(s.Aside, func(dir string) bool { return strings.HasPrefix(key, dir) })
}

// below reports whether a key lies in one of the directories.
func below(dirs map[string]bool, key string) bool {
	for i := range key {
		if key[i] == '/' && dirs[key[:i]] {
			return true
		}
	}
	return false
}

// recorded reports whether the state holds anything that a deploy wrote.
func (s *survey) recorded() bool {
	for key := range s.state {
		if _, ok := isRelease(key); ok || strings.HasPrefix(key, "intents/") || strings.HasPrefix(key, "blobs/") {
			return true
		}
	}
	return false
}
