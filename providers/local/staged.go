package local

import (
	"crypto/rand"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// staged is a file whose bytes are safely on the disk, but which has not got
// its name yet.
type staged struct {
	root *os.Root
	name string // empty once it has its own
}

// stage makes a file and has fill write it. The bytes are synced before a
// rename makes them visible: after a power cut a file is whole, old or new.
func stage(root *os.Root, fill func(*os.File) error) (*staged, error) {
	s := &staged{root, filepath.Join(metaDir, tempDir, rand.Text())}
	f, err := root.OpenFile(s.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, translate(err)
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// stageRecord stages the record of an object.
func stageRecord(root *os.Root, r record) (*staged, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return stage(root, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// rename gives the file its name, in place of what had it.
func (s *staged) rename(name string) error {
	if err := s.root.Rename(s.name, name); err != nil {
		return translate(err)
	}
	s.name = ""
	return nil
}

// discard removes the file unless it has got its name.
func (s *staged) discard() {
	if s.name != "" {
		s.root.Remove(s.name) // what is left is removed a day later
	}
}

// distinct describes the file, after making its time of change another than
// that of old, because records are told apart by time and size. Steps grow
// until even the clock of FAT, which ticks every two seconds, shows one.
func (s *staged) distinct(old fs.FileInfo) (fs.FileInfo, error) {
	info, err := s.root.Lstat(s.name)
	if err != nil || old == nil {
		return info, translate(err)
	}
	for step := time.Microsecond; info.ModTime().Equal(old.ModTime()) && step < time.Hour; step *= 1000 {
		later := old.ModTime().Add(step)
		if err := s.root.Chtimes(s.name, later, later); err != nil {
			return nil, translate(err)
		}
		if info, err = s.root.Lstat(s.name); err != nil {
			return nil, translate(err)
		}
	}
	return info, nil
}

// abandonedAfter is how long nobody has written to a staged file before it is
// taken for one that a killed process left.
const abandonedAfter = 24 * time.Hour

func removeAbandoned(root *os.Root) {
	entries, err := fs.ReadDir(root.FS(), metaDir+"/"+tempDir)
	if err != nil {
		return // it only costs space
	}
	for _, e := range entries {
		name := filepath.Join(metaDir, tempDir, e.Name())
		if info, err := root.Lstat(name); err == nil && time.Since(info.ModTime()) > abandonedAfter {
			root.Remove(name)
		}
	}
}
