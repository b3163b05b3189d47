package transport

import (
	"context"
	"time"
)

// ScheduleOverhead is what a scheduled record takes of Features.MaxPayload
// beside its value: a value of MaxPayload less this many bytes is the largest.
const ScheduleOverhead = 4096

// Scheduler is a Store that can also store a record later: the fabric does it,
// whether or not a node of ours runs when the time is set or when it comes. It
// is an optional ability of a Store, found by assertion. A store has it when it
// was opened with StoreConfig.Schedules, and only then.
//
// Its methods wait, and fail, as those of Store do. While a schedule waits it is
// no record: Get, List and Watch know nothing of it.
type Scheduler interface {
	Store

	// Schedule has value stored under key at the time at, in place of the
	// record that key has then, whatever its revision; and in place of the
	// schedule that key has now. A time that has passed stands for now. The
	// record stays until it is deleted or replaced. Value is neither kept nor
	// changed.
	//
	// It is stored never before at, by the clock of the fabric, and, while the
	// fabric works, at most 2 seconds after it: 10,000 at one time take longer.
	// What comes due while the fabric does not work is stored when it does. It
	// is stored once; only a server that is alone and is killed in that moment
	// may store it again when it is back.
	//
	// An earlier schedule of key that comes due in this moment may store its
	// record yet, even after Schedule has returned, but not after the new one
	// was stored. What an earlier one has stored stays there. So a value should
	// say what it belongs to, and whoever finds one that is out of date should
	// delete it by its revision.
	//
	// It fails as Put does, with ErrTooLarge by ScheduleOverhead, and with
	// ErrConflict when others go on scheduling the same key. After
	// ErrUnknownOutcome the same Schedule again puts right what may have been
	// set; a time that has passed may by then have stored its record twice.
	Schedule(ctx context.Context, key string, value []byte, at time.Time) error

	// Unschedule calls off the schedule of key. There need not be one. The
	// record of one that comes due in this moment may be stored yet, as with
	// Schedule, and what has been stored stays. It fails as Schedule does;
	// after ErrUnknownOutcome the same Unschedule again settles it. It does not
	// settle a Schedule of unknown outcome, which may land later.
	Unschedule(ctx context.Context, key string) error
}
