package transport

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Storer is a Conn that keeps records. It is an optional ability: the runtime
// finds it by assertion.
type Storer interface {
	Conn

	// OpenStore returns the store that cfg names, and makes it when there is
	// none: whoever opens the same name on the same fabric works on the same
	// records. It waits for the fabric until ctx ends. It fails with ErrKey
	// when cfg.Name is none, with ErrDenied when a permission is missing, with
	// ErrClosed, and with ErrStoreUnavailable in all other cases, among them
	// that the fabric keeps no records or that something else has that name.
	OpenStore(ctx context.Context, cfg StoreConfig) (Store, error)
}

// StoreConfig says what a store is to be. Replicas and Memory count only when
// the store is made; one that is there is taken as it is.
type StoreConfig struct {
	// Name is a token of letters, digits, '_' and '-', at most MaxStoreName
	// bytes.
	Name string

	// Replicas is on how many servers of a cluster each record is kept.
	// Default: 3 on a cluster, 1 on a server that is alone.
	Replicas int

	// Memory keeps the records in memory even where there is a disk, so that
	// they are lost with the servers that hold them. Default: false. A fabric
	// that keeps nothing on disk keeps them in memory in any case.
	Memory bool

	// Schedules makes the store a Scheduler. OpenStore fails with
	// ErrStoreUnavailable where the fabric, or the store that is there, cannot
	// do that. Default: false, since it is one more thing that whoever may
	// write to the store may do.
	Schedules bool
}

// Limits of a store.
const (
	// MaxStoreName is the length of the longest name in bytes.
	MaxStoreName = 80
	// MaxKey is the length of the longest key in bytes.
	MaxKey = 900
	// RecordOverhead is what a record takes of Features.MaxPayload beside its
	// value: a value of MaxPayload less this many bytes is the largest.
	RecordOverhead = 256
	// MinTTL is the shortest time after which a record expires. Times are
	// rounded up to whole seconds.
	MinTTL = time.Second
)

// Revision says which write of a store made a record what it is. Every write of
// a store has a greater revision than those before; 0 stands for no record.
type Revision uint64

// Entry is a record as it is stored.
type Entry struct {
	Key      string
	Value    []byte // belongs to whoever gets the Entry
	Revision Revision
}

// Store is a set of records, each a value under a key. All writes are
// compare-and-set, so that of several writers who have read the same revision
// one succeeds. Its methods may be called from any goroutine.
//
// A key is one or more tokens separated by dots, each of letters, digits and
// "-_/=", at most MaxKey bytes; CheckKey tells. A prefix is such a key too: it
// stands for all keys that begin with it and a dot, and "" for all.
//
// Every method waits for the fabric until ctx ends, and at most 5 seconds when
// ctx has no deadline; one that is in progress when the link is cut fails then.
// It fails with ErrKey or ErrTooLarge before anything is sent, with ErrDenied
// for want of permission, with ErrClosed after Close of the store or the
// connection, and with ErrStoreUnavailable, which says that nothing was
// written: the link is cut, or the fabric has nobody now who could answer. It
// tries nothing again. When ctx has ended the error wraps its cause as well.
//
// What is read comes from whoever decides about writes, not from a copy that
// may be behind: it shows every write that had succeeded. On a fabric of
// several servers there is one exception: a leader that was cut off from the
// others does not know at once that it is one no more, and goes on answering.
// A read is proven to be new by a Put with its revision that succeeds.
type Store interface {
	// Get returns the record of key. It fails with ErrNotFound when there is
	// none.
	Get(ctx context.Context, key string) (Entry, error)

	// Put stores value under key if the record's revision is still last, or if
	// there is no record and last is 0, and returns the new revision. With a
	// ttl above 0 the record expires after that time unless a later Put gives
	// it more; with 0 it stays. Value is neither kept nor changed.
	//
	// It fails with ErrConflict when the revision is another; and with
	// ErrUnknownOutcome when it was sent and no answer came, so that it may
	// have been stored, or may yet be. Reading does not settle that, since the
	// write may land after the read. The same Put again does: when it succeeds
	// the first one has not been stored and never will be; when it fails with
	// ErrConflict some write with this revision has, and Get tells whose.
	Put(ctx context.Context, key string, value []byte, last Revision, ttl time.Duration) (Revision, error)

	// Delete removes the record of key if its revision is still last. It fails
	// as Put does, and with ErrConflict when there is no record. A last of 0
	// fails with ErrConflict.
	Delete(ctx context.Context, key string, last Revision) error

	// List yields the records under prefix in the order of their keys. A key
	// that has a record during the whole listing is there exactly once, with a
	// value not older than the call. After an error, which has no Entry, it
	// ends. It keeps the keys in memory, and not the values.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]

	// Watch calls handler for each record under prefix, then once with Synced,
	// then for each change, until the Watcher is closed. Handler is called for
	// one change at a time, on a goroutine that belongs to the watch. Watch
	// does not wait for the fabric. It fails with ErrKey or ErrClosed only;
	// whatever keeps the fabric from answering, the watch goes on trying.
	//
	// What is told about one key is told in the order of revisions, nothing
	// twice. What a record is in the end is always told. What it was between
	// may be left out while handler is slow or the link is cut, so a watch
	// keeps one revision for each key and no queue; a record that was replaced
	// after it was deleted may be told as Stored only. After a time without
	// contact the watch compares everything, and calls handler with Synced
	// again when it has caught up.
	Watch(prefix string, handler func(Change)) (Watcher, error)

	// Close ends the watches and waits for their handlers, so it must not be
	// called from one. The records stay. It is idempotent.
	Close() error
}

// Watcher is a watch that goes on.
type Watcher interface {
	// Close ends the watch. It waits for a handler that is running, so it must
	// not be called from there. It is idempotent.
	Close() error
}

// ChangeKind says what a watch tells.
type ChangeKind uint8

const (
	// Stored: the record is what Entry says.
	Stored ChangeKind = iota + 1
	// Deleted: there is no record any more, because of a Delete or because it
	// expired. Entry has no Value, and a Revision that is greater than those of
	// the record were. It is for comparing only: to store the key again Put
	// takes 0.
	Deleted
	// Synced: everything that was stored when the watch asked has been told.
	// Entry is empty.
	Synced
)

// String returns the kind in lower case.
func (k ChangeKind) String() string {
	switch k {
	case Stored:
		return "stored"
	case Deleted:
		return "deleted"
	case Synced:
		return "synced"
	default:
		return "unknown"
	}
}

// Change is what a watch tells.
type Change struct {
	Kind  ChangeKind
	Entry Entry
}

// Conditions that users of a Store branch on.
var (
	ErrKey              = errors.New("invalid key")
	ErrNotFound         = errors.New("no such record")
	ErrConflict         = errors.New("the record has another revision")
	ErrStoreUnavailable = errors.New("the store cannot be reached, nothing was written")
	ErrUnknownOutcome   = errors.New("no answer, it may have been written or not")
)

// CheckStoreName returns an error that wraps ErrKey unless s may be the name of
// a store.
func CheckStoreName(s string) error {
	if len(s) == 0 || len(s) > MaxStoreName {
		return fmt.Errorf("%w: the name of a store has 1 to %d bytes, this one %d", ErrKey, MaxStoreName, len(s))
	}
	for i := range len(s) {
		if c := s[i]; !isKeyByte(c) || c == '/' || c == '=' {
			return fmt.Errorf("%w: the name of a store is of letters, digits, '_' and '-', not %q", ErrKey, s)
		}
	}
	return nil
}

// CheckKey returns an error that wraps ErrKey unless s may be a key, or a
// prefix other than "".
func CheckKey(s string) error {
	if len(s) == 0 || len(s) > MaxKey {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrKey, len(s), MaxKey)
	}
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if c == '.' && last == '.' {
			return fmt.Errorf("%w %q: empty token", ErrKey, s)
		}
		if c != '.' && !isKeyByte(c) {
			return fmt.Errorf("%w %q: want letters, digits, \"-_/=\" and dots between", ErrKey, s)
		}
		last = c
	}
	if last == '.' {
		return fmt.Errorf("%w %q: empty token", ErrKey, s)
	}
	return nil
}

// CheckPrefix is CheckKey for a prefix, which may be "".
func CheckPrefix(s string) error {
	if s == "" {
		return nil
	}
	return CheckKey(s)
}

// CheckTTL returns ttl in whole seconds, rounded up, or an error that says that
// it is negative.
func CheckTTL(ttl time.Duration) (time.Duration, error) {
	const most = 100 * 365 * 24 * time.Hour // far below an overflow
	if ttl < 0 {
		return 0, fmt.Errorf("a record cannot expire after %v: want 0 for never, or more", ttl)
	}
	ttl = min(ttl, most)
	if rest := ttl % time.Second; rest > 0 {
		ttl += time.Second - rest
	}
	return ttl, nil
}

func isKeyByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	default:
		return c == '-' || c == '_' || c == '/' || c == '='
	}
}
