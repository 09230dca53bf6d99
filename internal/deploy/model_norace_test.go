//go:build !race

package deploy

// raceFactor: see model_race_test.go.
const raceFactor = 1
