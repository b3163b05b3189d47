//go:build darwin || linux

package embedded

import "syscall"

// freeSpace returns how many bytes the disk of dir has for this user, where
// that can be found out.
func freeSpace(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // their types differ between systems
}
