//go:build !race

package integration

// raceEnabled says that this binary carries the race detector.
const raceEnabled = false
