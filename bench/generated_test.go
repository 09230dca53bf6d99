//go:build bench

package bench

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cli"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/report"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
)

// TestMain does the job of a process that has one.
func TestMain(m *testing.M) {
	job := os.Getenv(GeneratedEnv)
	if job == "" {
		os.Exit(m.Run())
	}
	var j GeneratedJob
	err := json.Unmarshal([]byte(job), &j)
	if err == nil {
		err = deployGenerated(j)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// deployGenerated deploys a manifest as the program does when it has scanned an
// output, with its settings of the garbage collector and what it keeps and prints
// of a run. Nothing is retained, and there are no guards.
func deployGenerated(j GeneratedJob) error {
	cli.LimitHeap()
	records, err := local.New(j.Dir)
	if err != nil {
		return err
	}
	files, err := generatedFiles(j)
	if err != nil {
		return err
	}
	record := report.NewRecorder(time.Now)
	nobody := report.Console{W: io.Discard}
	sink := report.Multi(record, report.Plain(nobody, nobody, report.Options{}))
	began, cpu := time.Now(), ownCPU()
	r := deploy.Open(context.Background(), deploy.Options{
		Target: "nowhere", Live: nowhere{}, State: recordsOnly{records}, MixedPaths: true, Keep: 10, Tool: "bench", Sink: sink,
	})
	fin, err := r.Deploy(context.Background(), deploy.FromFiles(outputDir, files))
	g := Generated{Wall: time.Since(began).Seconds(), CPU: (ownCPU() - cpu).Seconds()}
	if err := errors.Join(err, sink.Close()); err != nil {
		return err
	}
	if changes := record.Record().Planned.Changes.Len(); (changes > 0) != (j.Step != StepRebuild) {
		return fmt.Errorf("%s: %d files were written", j.Step, changes)
	}
	stored, err := os.Stat(filepath.Join(j.Dir, "releases", fin.Release))
	if err != nil {
		return err
	}
	g.Record = stored.Size()
	return j.Report(g)
}

// outputDir is where the files seem to be.
const outputDir = "/home/runner/work/website/website/dist"

// generatedFiles returns what a scan would, with as much memory for each file.
func generatedFiles(j GeneratedJob) ([]site.File, error) {
	headers, err := site.NewHeaderSet(nil)
	if err != nil {
		return nil, err
	}
	var files []site.File
	s := Site{Files: j.Files, Seed: j.Seed, Changed: j.Changed}
	for i := range j.Files {
		version := 0
		if changed, deleted := s.fate(i); j.Step == StepChanged && deleted {
			continue
		} else if j.Step == StepChanged && changed {
			version = 1
		}
		k, nth := kindOf(i)
		body := fmt.Appendf(nil, "%d/%d/%d", j.Seed, i, version)
		path := name(k, nth, body)
		files = append(files, site.File{Path: path, Source: path, Size: int64(k.min), SHA256: sha256.Sum256(body), Headers: headers.Of(path, site.MediaType(path, nil))})
	}
	slices.SortFunc(files, func(a, b site.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// nowhere is a site's storage that answers as S3 does, and keeps nothing.
type nowhere struct{}

func (nowhere) Get(_ context.Context, key string) (*storage.Object, error) {
	return nil, &storage.Error{Op: "get", Key: key, Err: storage.ErrNotExist}
}

func (nowhere) Put(_ context.Context, key string, src storage.Source, _ storage.Headers, _ storage.Condition) (storage.Info, error) {
	return storage.Info{Key: key, Size: src.Size, ETag: etagOf(src.SHA256)}, nil
}

func (nowhere) Delete(context.Context, ...string) error { return nil }

func (nowhere) List(context.Context, string) iter.Seq2[storage.Info, error] {
	return func(func(storage.Info, error) bool) {}
}

// recordsOnly keeps records and, of displaced bytes, nothing.
type recordsOnly struct{ *local.Store }

// Copy seems to copy.
func (recordsOnly) Copy(_ context.Context, _ storage.CopySource, key string, _ storage.Headers) (storage.Info, error) {
	return storage.Info{Key: key, ETag: "copied"}, nil
}

// etagOf returns an ETag that belongs to the bytes, and that compresses as little
// as their MD5.
func etagOf(d storage.Digest) string {
	sum := md5.Sum(d[:])
	return hex.EncodeToString(sum[:])
}
