//go:build race

package deploy

// raceFactor is how many times fewer histories there are with the race
// detector, which makes each slower.
const raceFactor = 25
