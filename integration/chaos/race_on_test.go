//go:build race

package chaos

// raceEnabled says that this binary carries the race detector.
const raceEnabled = true
