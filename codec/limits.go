package codec

// What Unmarshal accepts. Marshal keeps to MaxDepth and MaxBody as well; it
// cannot know what its body will take in the memory of others.
const (
	// MaxDepth is how many arrays and maps may be nested in each other.
	MaxDepth = 64

	// MaxMemory is how many bytes decoding a body of at most 1 MiB may
	// allocate; a larger body may make it allocate MaxMemory for each MiB. It
	// is what keeps a million nils from becoming a million large structs. The
	// codecs count what they know they will allocate, within a few MiB.
	MaxMemory = 20 << 20

	// MaxBody is the most bytes a body may have.
	MaxBody = 256 << 20
)

// memoryFor returns how many bytes decoding a body of size bytes may allocate.
func memoryFor(size int) int64 {
	return max(MaxMemory, int64(size)*(MaxMemory>>20))
}
