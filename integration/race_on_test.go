//go:build race

package integration

// raceEnabled says that this binary carries the race detector, which takes
// several times the memory and the time.
const raceEnabled = true
