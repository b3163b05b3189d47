//go:build !darwin && !dragonfly && !freebsd && !illumos && !linux && !netbsd && !openbsd && !windows

package embedded

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// openLocked refuses: two servers that use one directory destroy what is in
// it, and here nothing keeps the second one out.
func openLocked(string) (*os.File, error) {
	return nil, fmt.Errorf("no file locks on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
