package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Prefixed returns the part of s below prefix, which is made to end in a slash
// first (see CleanPrefix); an empty one returns s itself. Keys, also those in
// errors, are what callers gave, without the prefix. The result is a Copier or
// a Meter exactly where s is, and always a Checker, a Stater and an Aborter.
func Prefixed(s Store, prefix string) Store {
	prefix = CleanPrefix(prefix)
	if prefix == "" {
		return s
	}
	if w, ok := s.(wrapper); ok {
		s, prefix = w.store(), w.fullKey(prefix)
	}
	p := &prefixed{s, prefix}
	c, copies := s.(Copier)
	m, meters := s.(Meter)
	switch {
	case copies && meters:
		return struct {
			*prefixed
			prefixedCopier
			Meter
		}{p, prefixedCopier{p, c}, m}
	case copies:
		return struct {
			*prefixed
			prefixedCopier
		}{p, prefixedCopier{p, c}}
	case meters:
		return struct {
			*prefixed
			Meter
		}{p, m}
	}
	return p
}

// Resolve returns c as the provider below all prefixes knows it: its own kind
// of Store, and the full key. Every Copy begins with it.
func (c CopySource) Resolve() CopySource {
	if w, ok := c.Store.(wrapper); ok {
		c.Store, c.Key = w.store(), w.fullKey(c.Key)
	}
	return c
}

// Identity returns what s, or the store that it is a part of, calls itself.
// It is empty for a store that is not an Identifier.
func Identity(s Store) string {
	if w, ok := s.(wrapper); ok {
		s = w.store()
	}
	if i, ok := s.(Identifier); ok {
		return i.Identity()
	}
	return ""
}

// wrapper is what all results of Prefixed have in common.
type wrapper interface {
	store() Store
	fullKey(key string) string
}

type prefixed struct {
	inner  Store
	prefix string // ends in a slash
}

func (p *prefixed) store() Store { return p.inner }

func (p *prefixed) fullKey(key string) string { return p.prefix + key }

// Check asks the store below, where it is a Checker.
func (p *prefixed) Check(key string, size int64, headers Headers) error {
	c, ok := p.inner.(Checker)
	if !ok {
		return nil
	}
	return p.strip(c.Check(p.fullKey(key), size, headers))
}

func (p *prefixed) Get(ctx context.Context, key string) (*Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, &Error{Op: "get", Key: key, Err: err}
	}
	o, err := p.inner.Get(ctx, p.prefix+key)
	if err != nil {
		return nil, p.strip(err)
	}
	o.Key = key
	return o, nil
}

// Stat asks the store below as Stat, the function, does.
func (p *prefixed) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, &Error{Op: "stat", Key: key, Err: err}
	}
	info, err := Stat(ctx, p.inner, p.prefix+key)
	if err != nil {
		return Info{}, p.strip(err)
	}
	info.Key = key
	return info, nil
}

func (p *prefixed) Put(ctx context.Context, key string, src Source, headers Headers, cond Condition) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, &Error{Op: "put", Key: key, Err: err}
	}
	info, err := p.inner.Put(ctx, p.prefix+key, src, headers, cond)
	if err != nil {
		return Info{}, p.strip(err)
	}
	info.Key = key
	return info, nil
}

func (p *prefixed) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	full := make([]string, 0, len(keys))
	for _, key := range keys {
		if err := CheckKey(key); err != nil {
			errs = append(errs, &Error{Op: "delete", Key: key, Err: err})
			continue
		}
		full = append(full, p.prefix+key)
	}
	if err := p.inner.Delete(ctx, full...); err != nil {
		errs = append(errs, p.strip(err))
	}
	return errors.Join(errs...)
}

func (p *prefixed) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for info, err := range p.inner.List(ctx, p.prefix+prefix) {
			info, err = p.listed(info, err, prefix)
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// listed takes the prefix off one result of List. What lies outside of it must
// never reach a caller, who may be about to delete it.
func (p *prefixed) listed(info Info, err error, prefix string) (Info, error) {
	if err != nil {
		return Info{}, p.strip(err)
	}
	key, ok := strings.CutPrefix(info.Key, p.prefix)
	if !ok {
		err := fmt.Errorf("the answer holds %q, which is not below %q", info.Key, p.prefix)
		return Info{}, &Error{Op: "list", Key: prefix, Err: err}
	}
	info.Key = key
	return info, nil
}

// strip takes the prefix off the key of err, or of all errors joined in it.
func (p *prefixed) strip(err error) error {
	return rekey(err, func(key string) string { return strings.TrimPrefix(key, p.prefix) })
}

// rekey returns err with the keys of the *Error that it is, or that it joins,
// replaced. The errors of the inner store are left as they are: others may
// hold them too.
func rekey(err error, name func(string) string) error {
	switch e := err.(type) {
	case *Error:
		return &Error{Op: e.Op, Key: name(e.Key), Err: e.Err}
	case interface{ Unwrap() []error }:
		var errs []error
		for _, err := range e.Unwrap() {
			errs = append(errs, rekey(err, name))
		}
		return errors.Join(errs...)
	}
	return err
}

// prefixedCopier has Copy alone, so that Prefixed can leave it out.
type prefixedCopier struct {
	p      *prefixed
	copier Copier
}

func (c prefixedCopier) Copy(ctx context.Context, from CopySource, key string, headers Headers) (Info, error) {
	for _, k := range []string{from.Key, key} {
		if err := CheckKey(k); err != nil {
			return Info{}, &Error{Op: "copy", Key: k, Err: err}
		}
	}
	inner := from.Resolve()
	if from.Store == nil {
		inner.Key = c.p.fullKey(from.Key)
	}
	full := c.p.fullKey(key)
	info, err := c.copier.Copy(ctx, inner, full, headers)
	if err != nil {
		return Info{}, rekey(err, func(k string) string {
			switch k {
			case full:
				return key
			case inner.Key:
				return from.Key
			}
			return k
		})
	}
	info.Key = key
	return info, nil
}

// Abort asks the store below, where it is an Aborter: others leave nothing
// unfinished.
func (p *prefixed) Abort(ctx context.Context, uploads ...Upload) (int, error) {
	a, ok := p.inner.(Aborter)
	if !ok {
		return 0, nil
	}
	var errs []error
	full := make([]Upload, 0, len(uploads))
	for _, u := range uploads {
		if err := CheckKey(u.Key); err != nil {
			errs = append(errs, &Error{Op: "abort", Key: u.Key, Err: err})
			continue
		}
		u.Key = p.fullKey(u.Key)
		full = append(full, u)
	}
	n, err := a.Abort(ctx, full...)
	if err != nil {
		errs = append(errs, p.strip(err))
	}
	return n, errors.Join(errs...)
}
