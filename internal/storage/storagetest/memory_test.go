package storagetest_test

import (
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// Memory, by which others are measured, is held to the specification itself.
func TestMemory(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		New:      func(*testing.T) storage.Store { return storagetest.NewMemory() },
		NoBucket: func(*testing.T) storage.Store { return storagetest.MissingMemory() },
		NoAbort:  "nothing is written in parts",
	})
}
