package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// uploads kills a deploy in the middle of a file that is sent in parts. The
// next deploy, which has other files, aborts that upload, and no other.
func (b *crashBed) uploads(t *testing.T) {
	const film, size = "film.mp4", 65 << 20 // more than one request sends
	file := filepath.Join(b.projects[1], "dist", film)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{film + ".bak", "other.bin"} {
		if _, err := b.depot.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.depot.name, Key: &foreign}); err != nil {
			t.Fatal(err)
		}
	}
	b.run(t, 1, b.gate(0, &killPoint{request: "PUT " + film + " #2", after: true}), "deploy")
	if got := b.depot.unfinished(t, film); got != 1 {
		t.Fatalf("the killed deploy left %d uploads", got)
	}
	r := b.run(t, 2, b.gate(expired, nil), "deploy")
	const says = "aborted 1 upload that an earlier deploy did not finish"
	if r.code != exitOK || !strings.Contains(r.output, says) {
		t.Errorf("it ended with %d:\n%s", r.code, r.output)
	}
	for key, want := range map[string]int{film: 0, film + ".bak": 1, "other.bin": 1} {
		if got := b.depot.unfinished(t, key); got != want {
			t.Errorf("%d uploads of %s are left, want %d", got, key, want)
		}
	}
	b.deploy(t, 2, expired)
	// A deploy after none that crashed does not look for any.
	r = b.run(t, 0, b.gate(expired, nil), "deploy")
	if r.code != exitOK || slices.ContainsFunc(r.log, func(name string) bool { return strings.HasPrefix(name, "LIST") || strings.HasPrefix(name, "UPLOADS") }) {
		t.Errorf("it ended with %d, and asked for %q", r.code, r.log)
	}
}

// unfinished returns how many uploads to a key are not finished.
func (d *depot) unfinished(t *testing.T, key string) int {
	t.Helper()
	out, err := d.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &d.name, Prefix: &key})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, u := range out.Uploads {
		if aws.ToString(u.Key) == key {
			n++
		}
	}
	return n
}
