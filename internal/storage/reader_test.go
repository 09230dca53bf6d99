package storage_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// opened is a source's file that counts what is asked of it.
type opened struct {
	io.ReadSeeker
	reads, closes int
}

func (o *opened) Read(p []byte) (int, error) {
	o.reads++
	return o.ReadSeeker.Read(p)
}

func (o *opened) Close() error {
	o.closes++
	return nil
}

// announce returns a source that announces one content and sends another.
func announce(content []byte, sent io.ReadSeeker) (storage.Source, *opened) {
	o := &opened{ReadSeeker: sent}
	return storage.Source{
		Size:   int64(len(content)),
		SHA256: sha256.Sum256(content),
		Open:   func() (io.ReadSeekCloser, error) { return o, nil },
	}, o
}

func newReader(t testing.TB, src storage.Source) *storage.Reader {
	t.Helper()
	r, err := storage.NewReader(src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReaderReadsLikeItsSource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "content")
		model := bytes.NewReader(content)
		open := rapid.SampledFrom([]func(storage.Source) (*storage.Reader, error){storage.NewReader, storage.NewSizeReader}).Draw(t, "open")
		r, err := open(storage.Bytes(content))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "seek") {
				whence := rapid.IntRange(-1, 3).Draw(t, "whence")
				offset := rapid.Int64Range(-220, 220).Draw(t, "offset")
				want, wantErr := model.Seek(offset, whence)
				got, err := r.Seek(offset, whence)
				if got != want || (err == nil) != (wantErr == nil) {
					t.Fatalf("Seek(%d, %d) = %d, %v; want %d, %v", offset, whence, got, err, want, wantErr)
				}
				continue
			}
			n := rapid.IntRange(1, 100).Draw(t, "n")
			got, want := make([]byte, n), make([]byte, n)
			gotN, err := r.Read(got)
			wantN, wantErr := model.Read(want)
			if gotN != wantN || err != wantErr || !bytes.Equal(got, want) {
				t.Fatalf("Read(%d) = %d, %v; want %d, %v", n, gotN, err, wantN, wantErr)
			}
		}
	})
}

// A body that is not the announced one never arrives whole, however it is read
// and whatever was sought before.
func TestReaderHoldsBackTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "content")
		sent := bytes.Clone(content)
		sent[rapid.IntRange(0, len(sent)-1).Draw(t, "at")] ^= rapid.ByteRange(1, 255).Draw(t, "by")
		src, _ := announce(content, bytes.NewReader(sent))
		r, err := storage.NewReader(src)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "passes") {
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			buf := make([]byte, rapid.IntRange(1, 400).Draw(t, "buffer"))
			_, err := io.CopyBuffer(struct{ io.Writer }{&got}, r, buf)
			if !errors.Is(err, storage.ErrModified) || !errors.Is(r.Err(), storage.ErrModified) {
				t.Fatalf("the error is %v, Err returns %v", err, r.Err())
			}
			if got.Len() >= len(content) {
				t.Fatalf("all %d bytes arrived", got.Len())
			}
		}
	})
}

func TestReaderRefusesOtherSizeAtOnce(t *testing.T) {
	for name, tc := range map[string]struct{ announced, sent string }{
		"longer":        {"hello", "hello!"},
		"shorter":       {"hello", "hell"},
		"empty now":     {"hello", ""},
		"not empty now": {"", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, open := range []func(storage.Source) (*storage.Reader, error){storage.NewReader, storage.NewSizeReader} {
				src, file := announce([]byte(tc.announced), bytes.NewReader([]byte(tc.sent)))
				if _, err := open(src); !errors.Is(err, storage.ErrModified) {
					t.Errorf("the error is %v", err)
				}
				if file.closes != 1 {
					t.Errorf("the source was closed %d times", file.closes)
				}
			}
		})
	}
}

// Nobody reads an empty body, so what is announced for it is checked at once.
func TestReaderChecksEmptySource(t *testing.T) {
	src, _ := announce(nil, bytes.NewReader(nil))
	src.SHA256[0] ^= 1
	if _, err := storage.NewReader(src); !errors.Is(err, storage.ErrModified) {
		t.Errorf("the error is %v", err)
	}
}

// The file grows or shrinks after it was opened.
func TestReaderNoticesWhatHappensWhileItReads(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	for name, change := range map[string]func(*os.File) error{
		"grows":   func(f *os.File) error { _, err := f.WriteAt([]byte("x"), 1000); return err },
		"shrinks": func(f *os.File) error { return f.Truncate(999) },
		"changes": func(f *os.File) error { _, err := f.WriteAt([]byte("x"), 500); return err },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "page.html")
			if err := os.WriteFile(file, content, 0o666); err != nil {
				t.Fatal(err)
			}
			r := newReader(t, storage.File(file, 1000, sha256.Sum256(content)))
			sized, err := storage.NewSizeReader(storage.File(file, 1000, sha256.Sum256(content)))
			if err != nil {
				t.Fatal(err)
			}
			defer sized.Close()
			for _, r := range []*storage.Reader{r, sized} {
				if _, err := io.ReadFull(r, make([]byte, 400)); err != nil {
					t.Fatal(err)
				}
			}
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := change(f); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(r)
			if !errors.Is(err, storage.ErrModified) || len(rest) >= 600 {
				t.Errorf("%d bytes more, and the error is %v", len(rest), err)
			}
			// Who only counts does not see what changed, but never sends more or less.
			rest, err = io.ReadAll(sized)
			if errors.Is(err, storage.ErrModified) == (name == "changes") || err == nil && len(rest) != 600 {
				t.Errorf("without a digest: %d bytes more, and the error is %v", len(rest), err)
			}
		})
	}
}

// What was right in the first attempt can be wrong in the second.
func TestReaderVerifiesEachPass(t *testing.T) {
	content := []byte("0123456789")
	sent := bytes.Clone(content)
	src, _ := announce(content, bytes.NewReader(sent))
	r := newReader(t, src)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%q, %v", got, err)
	}
	sent[3] = 'x'
	for _, at := range []int64{0, 5, 9} {
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, storage.ErrModified) {
			t.Errorf("from %d: the error is %v", at, err)
		}
	}
}

// An SDK looks for the length before each attempt.
func TestReaderSeeksWithoutReading(t *testing.T) {
	content := []byte("0123456789")
	src, file := announce(content, bytes.NewReader(content))
	r := newReader(t, src)
	for range 2 {
		here, err1 := r.Seek(0, io.SeekCurrent)
		end, err2 := r.Seek(0, io.SeekEnd)
		_, err3 := r.Seek(here, io.SeekStart)
		if err := errors.Join(err1, err2, err3); err != nil || end != 10 {
			t.Fatalf("the end is at %d, %v", end, err)
		}
	}
	if file.reads != 0 {
		t.Errorf("the source was read %d times", file.reads)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReaderTakesAnyReader(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			base := bytes.NewReader(content)
			src, _ := announce(content, struct {
				io.Reader
				io.Seeker
			}{wrap(base), base})
			if got, err := io.ReadAll(newReader(t, src)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("the disk is broken")
	content := []byte("0123456789")
	base := bytes.NewReader(content)
	src, _ := announce(content, struct {
		io.Reader
		io.Seeker
	}{iotest.ErrReader(broken), base})
	r := newReader(t, src)
	_, err := io.ReadAll(r)
	if !errors.Is(err, broken) || errors.Is(err, storage.ErrModified) || !errors.Is(r.Err(), broken) {
		t.Errorf("the error is %v, Err returns %v", err, r.Err())
	}

	src.Open = func() (io.ReadSeekCloser, error) { return nil, broken }
	if _, err := storage.NewReader(src); err != broken {
		t.Errorf("the error of Open became %v", err)
	}
	_, err = storage.NewReader(storage.File(filepath.Join(t.TempDir(), "gone"), 1, storage.Digest{}))
	if !errors.Is(err, storage.ErrModified) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}
