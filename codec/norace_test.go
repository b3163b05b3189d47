//go:build !race

package codec_test

// hostileSize is how large the bodies are that are meant to do harm.
const hostileSize = 1 << 20
