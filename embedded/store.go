package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockName is the file in a store directory whose lock says that the directory
// is in use. The server itself does not notice a second one.
const lockName = "server.lock"

// errLocked is what openLocked returns when somebody else holds the lock.
var errLocked = errors.New("locked")

// store is the directory of one server's JetStream.
type store struct {
	dir  string
	kept bool     // false: a temporary directory, in which no stream is stored
	lock *os.File // nil when not kept
}

// openStore makes dir ready and takes its lock. Without dir it makes a
// temporary one: JetStream wants a directory even to store in memory.
func openStore(dir string) (*store, error) {
	if dir == "" {
		temp, err := os.MkdirTemp("", "atasks-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary directory for JetStream: %w: set Config.Dir, or Config.NoJetStream", err)
		}
		return &store{dir: temp}, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("Config.Dir %q: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("Config.Dir %q is a file: want a directory", abs)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("Config.Dir %q cannot be made: %w", abs, err)
	}
	path := filepath.Join(abs, lockName)
	lock, err := openLocked(path)
	switch {
	case errors.Is(err, errLocked):
		return nil, fmt.Errorf("Config.Dir %q is in use by another server%s: shut that down, or give this one a directory of its own", abs, readOwner(path))
	case errors.Is(err, errors.ErrUnsupported):
		return nil, fmt.Errorf("Config.Dir %q cannot be kept from being used twice: %w: leave it empty", abs, err)
	case err != nil:
		return nil, fmt.Errorf("Config.Dir %q is not writable: %w", abs, err)
	}
	writeOwner(lock)
	return &store{dir: abs, kept: true, lock: lock}, nil
}

// close gives the directory back.
func (s *store) close() error {
	if !s.kept {
		return os.RemoveAll(s.dir)
	}
	// Closing releases the lock. The file stays: if it were removed, a server
	// that has just opened it would lock what nobody else can see.
	return s.lock.Close()
}

// limit returns how many bytes may be stored, for Config.MaxStore.
func (s *store) limit(configured int64) int64 {
	switch {
	case !s.kept:
		return 0
	case configured > 0:
		return configured
	}
	free, known := freeSpace(s.dir)
	if !known {
		return defaultMaxStore
	}
	return min(defaultMaxStore, usedSpace(s.dir)+free/4*3)
}

// usedSpace adds up the files under dir. What cannot be read counts nothing:
// this is an estimate.
func usedSpace(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, failed error) error {
		if failed == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}

// writeOwner leaves a note for the error text of whoever comes second; it
// decides nothing, so it may fail.
func writeOwner(lock *os.File) {
	_ = lock.Truncate(0)
	_, _ = fmt.Fprintf(lock, "process %d\n", os.Getpid())
}

func readOwner(path string) string {
	note, err := os.ReadFile(path)
	if err != nil || len(note) > 64 {
		return ""
	}
	var pid int
	if _, err := fmt.Sscanf(string(note), "process %d", &pid); err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
