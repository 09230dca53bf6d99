package storage

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxKeyBytes is the longest key that S3 takes, and with it its likes (Amazon
// S3 User Guide, "Naming Amazon S3 objects"; Cloudflare R2, "Limits").
const MaxKeyBytes = 1024

// CheckKey returns an error that wraps ErrInvalidKey where key cannot be the
// key of an object in any store. A provider may refuse more.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case strings.HasPrefix(key, "/"):
		return fmt.Errorf("%w: it begins with a slash", ErrInvalidKey)
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("%w: it has %d bytes, and the most is %d", ErrInvalidKey, len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalidKey)
	case strings.ContainsRune(key, 0):
		return fmt.Errorf("%w: it holds a NUL character", ErrInvalidKey)
	}
	return nil
}

// CleanPrefix returns prefix without slashes in front and with exactly one at
// its end, or "" where nothing is left. Without the one at the end, "blog"
// would also mean "blog-old/".
func CleanPrefix(prefix string) string {
	p := strings.Trim(prefix, "/")
	if p == "" {
		return ""
	}
	return p + "/"
}
