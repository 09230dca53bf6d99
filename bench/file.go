package bench

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// kindOf returns the kind of the file with a number, and its number among those
// of the kind. The kinds alternate, in every hundred files by their shares.
func kindOf(i int) (k kind, nth int) {
	at := i * 37 % 100 // 37 and 100 have no divisor in common
	for _, k := range mix {
		if at < k.share {
			return k, i/100*k.share + at
		}
		at -= k.share
	}
	panic("the shares of the mix are less than 100")
}

// name returns the path of a file. A bundle has a hash of its bytes in it, as
// webpack writes it.
func name(k kind, nth int, body []byte) string {
	switch k.name {
	case "page":
		return fmt.Sprintf("docs/%02d/page-%d/index.html", nth%50, nth)
	case "bundle":
		sum := sha256.Sum256(body)
		return fmt.Sprintf("assets/chunk-%d.%s%s", nth, hex.EncodeToString(sum[:10]), [...]string{".js", ".css"}[nth%2])
	default:
		return fmt.Sprintf("images/%02d/photo-%d.jpg", nth%50, nth)
	}
}

// letters make text that compresses as little as minified code does.
var letters = base64.RawURLEncoding

// fill fills body with random bytes or letters.
func fill(random *rand.ChaCha8, body []byte, text bool) {
	if !text {
		_, _ = random.Read(body) // it never fails
		return
	}
	raw := make([]byte, (len(body)*3+3)/4)
	_, _ = random.Read(raw)
	encoded := make([]byte, letters.EncodedLen(len(raw)))
	letters.Encode(encoded, raw)
	copy(body, encoded)
}

// put writes a file of a tree.
func put(dir, name string, body []byte) error {
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, body, 0o644)
}

// link gives the second tree a file of the first.
func link(t *Trees, name string) error {
	to := filepath.Join(t.Second.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Link(filepath.Join(t.First.Dir, filepath.FromSlash(name)), to)
}

// Touch sets the time of every file to now, as a build does that writes all
// files anew.
func (t Tree) Touch() error {
	now := time.Now()
	for name := range t.Files {
		if err := os.Chtimes(filepath.Join(t.Dir, filepath.FromSlash(name)), now, now); err != nil {
			return err
		}
	}
	return nil
}
