package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Below the directory of a store:
//
//	.pandastack-meta/objects/<hh>/<hash>-<time>-<size>   one record for each object
//	.pandastack-meta/tmp/                                files that are being written
//	.pandastack-meta/lock                                held while a write is done
//
// hash is the SHA-256 of the key, hh its first two digits, time and size are
// the modification time (nanoseconds since 1970) and size of the file, all in
// hex. So a record belongs to one version of a file: that of the next version
// is put beside it first, the rename of the file then switches both at once,
// and the old record goes last. A file that something else wrote has no record.
const (
	metaDir    = ".pandastack-meta"
	objectsDir = "objects"
	tempDir    = "tmp"
	lockFile   = "lock"
)

// record is what a file cannot hold itself. As a file it is JSON.
type record struct {
	Key     string          `json:"key"`
	ETag    string          `json:"etag"`
	Headers storage.Headers `json:"headers,omitempty"`
}

// version is one state of the file of an object.
type version struct {
	size     int64
	modified time.Time
	etag     string
	headers  storage.Headers
}

func (v version) info(key string) storage.Info {
	return storage.Info{Key: key, Size: v.size, ETag: v.etag, Modified: v.modified}
}

// recordName returns the name of the record for a file in this state.
func recordName(key string, file fs.FileInfo) string {
	sum := sha256.Sum256([]byte(key))
	hash := hex.EncodeToString(sum[:])
	name := fmt.Sprintf("%s-%x-%x", hash, file.ModTime().UnixNano(), file.Size())
	return filepath.Join(metaDir, objectsDir, hash[:2], name)
}

// readRecord returns the record of a file in this state, and false where there
// is none: something else wrote the file.
func readRecord(root *os.Root, key string, file fs.FileInfo) (record, bool, error) {
	text, err := root.ReadFile(recordName(key, file))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, translate(err)
	}
	var r record
	if json.Unmarshal(text, &r) != nil || r.Key != key || r.ETag == "" {
		return record{}, false, nil // damaged: as good as none
	}
	return r, true, nil
}

// versionOf returns the version that file is, and false where it might have
// been replaced, record and all, since file was taken.
func versionOf(root *os.Root, key, name string, file fs.FileInfo) (version, bool, error) {
	v := version{size: file.Size(), modified: file.ModTime()}
	r, found, err := readRecord(root, key, file)
	if err != nil {
		return version{}, false, err
	}
	if found {
		v.etag, v.headers = r.ETag, r.Headers
		return v, true, nil
	}
	now, err := root.Lstat(name)
	if err != nil || !sameVersion(now, file) {
		return version{}, false, nil
	}
	v.etag = fmt.Sprintf("unrecorded-%x-%x", file.ModTime().UnixNano(), file.Size())
	return v, true, nil
}

func sameVersion(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// statVersion returns the version of the file that lstat describes, however
// often that is replaced meanwhile.
func statVersion(ctx context.Context, root *os.Root, key, name string, lstat func() (fs.FileInfo, error)) (version, error) {
	for {
		if err := ctx.Err(); err != nil {
			return version{}, err
		}
		file, err := lstat()
		if err != nil {
			return version{}, err
		}
		v, ok, err := versionOf(root, key, name, file)
		if ok || err != nil {
			return v, err
		}
	}
}

// openVersion opens the object at key with the version that was opened.
func openVersion(ctx context.Context, root *os.Root, key, name string) (*os.File, version, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, version{}, err
		}
		f, v, ok, err := tryOpenVersion(root, key, name)
		if ok || err != nil {
			return f, v, err
		}
	}
}

func tryOpenVersion(root *os.Root, key, name string) (*os.File, version, bool, error) {
	if _, err := lstatObject(root, key, name); err != nil {
		return nil, version{}, false, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, version{}, false, translate(err)
	}
	var v version
	ok := false
	file, err := f.Stat()
	if err == nil {
		v, ok, err = versionOf(root, key, name, file)
	}
	if !ok || err != nil {
		f.Close()
		return nil, version{}, false, err
	}
	return f, v, true, nil
}
