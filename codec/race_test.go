//go:build race

package codec_test

// hostileSize is how large the bodies are that are meant to do harm. The race
// detector makes all of it ten times slower, and finds no more in long ones.
const hostileSize = 1 << 16
