package actor

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/atasks-io/atasks/internal/wire"
)

// frameSubjects remembers where results go, by the inbox of the caller: a
// worker answers few callers very often.
type frameSubjects struct {
	results atomic.Pointer[map[string]string] // never changed, only replaced

	mu sync.Mutex // guards the replacing
}

// maxFrameSubjects bounds what is remembered. Callers come and go.
const maxFrameSubjects = 1024

// subject is where a frame goes.
func (s *frameSubjects) subject(inbox, suffix string) string {
	if suffix != wire.SuffixResult {
		return wire.FrameSubject(inbox, suffix)
	}
	if known := s.results.Load(); known != nil {
		if subject, ok := (*known)[inbox]; ok {
			return subject
		}
	}
	return s.learn(strings.Clone(inbox)) // it is a part of something longer
}

func (s *frameSubjects) learn(inbox string) string {
	subject := wire.FrameSubject(inbox, wire.SuffixResult)
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]string{inbox: subject}
	if known := s.results.Load(); known != nil && len(*known) < maxFrameSubjects {
		maps.Copy(next, *known)
	}
	s.results.Store(&next)
	return subject
}
