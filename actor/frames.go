package actor

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/atasks-io/atasks/internal/wire"
)

// frameSubjects remembers where results go, by the inbox of the caller: a
// worker answers few callers very often.
type frameSubjects struct {
	results sync.Map // by inbox
	count   atomic.Int32
}

// maxFrameSubjects is how many are remembered before all are forgotten: callers
// come and go.
const maxFrameSubjects = 4096

// subject is where a frame goes.
func (s *frameSubjects) subject(inbox, suffix string) string {
	if suffix != wire.SuffixResult {
		return wire.FrameSubject(inbox, suffix)
	}
	if known, ok := s.results.Load(inbox); ok {
		return known.(string)
	}
	if s.count.Add(1) > maxFrameSubjects {
		s.count.Store(0)
		s.results.Clear()
	}
	subject := wire.FrameSubject(inbox, suffix)
	s.results.Store(strings.Clone(inbox), subject) // it is a part of something longer
	return subject
}
