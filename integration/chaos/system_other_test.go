//go:build !linux

package chaos

import (
	"errors"
	"os/exec"
	"time"
)

// The faults need signals and /proc as Linux has them.
var errOnlyLinux = errors.New("processes can be frozen and measured on Linux only")

func tie(*exec.Cmd)                    {}
func yield(int) error                  { return nil }
func freezeProcess(int) error          { return errOnlyLinux }
func thawProcess(int) error            { return errOnlyLinux }
func isFrozen(int) (bool, error)       { return false, errOnlyLinux }
func memory(int) (int64, int64, error) { return 0, 0, errOnlyLinux }

// threads knows of no waits here, so nothing is excused by them.
type threads struct{}

func newThreads(string) *threads                   { return nil }
func (t *threads) waits(time.Time) []time.Duration { return nil }
func (t *threads) close()                          {}
