package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/transport"
)

const (
	// markerLife is how long the marker of a deletion stays.
	markerLife = 2 * time.Minute

	// openWithin bounds OpenStore where the context does not: a cluster may have
	// an election to finish.
	openWithin = 10 * time.Second

	// attemptWithin bounds each attempt: of several who make a stream at once on
	// a cluster only one gets an answer.
	attemptWithin = time.Second

	// openAgain is how long to wait before the next attempt.
	openAgain = 200 * time.Millisecond
)

// What the server says to the making of a stream.
const (
	codeNotEnabled    = 10076 // on this server
	codeNotEnabledFor = 10039 // in this account
	codeNoStorage     = 10047
	codeNotReplicated = 10074 // there is no cluster
	codeUnavailable   = 10008
	codeNoPeers       = 10005
)

// open makes the stream, or looks whether the one that is there will do. It
// tries again what time may mend.
func (s *store) open(ctx context.Context) error {
	ctx, cancel := bounded(ctx, openWithin)
	defer cancel()
	for {
		err := s.openOnce(ctx)
		if err == nil || !s.maySettle(err) {
			return err
		}
		select {
		case <-time.After(openAgain):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
		if s.conn.state.Load() == closed {
			return transport.ErrClosed
		}
	}
}

var errLate = fmt.Errorf("no answer within %v", attemptWithin)

// maySettle says whether a later attempt may fare better.
func (s *store) maySettle(err error) bool {
	if errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrDenied) || errors.Is(err, errUnfit) {
		return false
	}
	// A server that is alone either has JetStream or has not.
	alone := s.conn.nc.ConnectedClusterName() == ""
	return !alone || isCode(err, codeUnavailable) || errors.Is(err, transport.ErrDisconnected) || errors.Is(err, errLate)
}

func (s *store) openOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, attemptWithin, errLate)
	defer cancel()
	info, err := s.info(ctx)
	if isCode(err, codeNoStream) {
		info, err = s.make(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.fits(&info.Config); err != nil {
		return err
	}
	if s.config.Schedules && !info.Config.AllowMsgSchedules {
		if err := s.allowSchedules(ctx, info.Config); err != nil {
			return err
		}
	}
	// One that was made a moment ago may have no leader yet.
	_, err = s.ask(ctx, query{LastFor: s.pattern("")})
	return err
}

// info asks what the stream is.
func (s *store) info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := s.call(ctx, "$JS.API.STREAM.INFO."+s.stream, func(ctx context.Context) error {
		stream, err := s.js.Stream(ctx, s.stream)
		if err == nil {
			info = stream.CachedInfo()
		}
		if err == nil && len(opts) > 0 {
			info, err = stream.Info(ctx, opts...) // the cached one has no subjects
		}
		return err
	})
	return info, err
}

// make makes the stream.
func (s *store) make(ctx context.Context) (*jetstream.StreamInfo, error) {
	cfg := jetstream.StreamConfig{
		Name:              s.stream,
		Description:       "records of atasks",
		Subjects:          []string{s.pattern("")},
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardNew,
		Replicas:          s.replicas(),
		// Otherwise a stream that was lost and made again would have revisions
		// that the old one had, and what a writer knows of that would fit.
		FirstSeq:               uint64(time.Now().UnixMicro()),
		AllowMsgTTL:            true,
		AllowRollup:            true, // for the purges of other clients
		DenyDelete:             true,
		SubjectDeleteMarkerTTL: markerLife,
		RePublish:              &jetstream.RePublish{Source: s.pattern(""), Destination: s.news(""), HeadersOnly: true},
	}
	if s.config.Schedules {
		s.addSchedules(&cfg)
	}
	if s.config.Memory || s.keepsNothing(ctx) {
		cfg.Storage = jetstream.MemoryStorage
	}
	info, err := s.create(ctx, cfg)
	if err != nil {
		// Somebody may have made it at the same moment, of which the server
		// says now this, now that.
		if theirs, failed := s.info(ctx); failed == nil {
			return theirs, nil
		}
	}
	return info, err
}

func (s *store) create(ctx context.Context, cfg jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := s.call(ctx, "$JS.API.STREAM.CREATE."+s.stream, func(ctx context.Context) error {
		stream, err := s.js.CreateStream(ctx, cfg)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, err
}

// addSchedules lets a stream take schedules. The server wants it to discard what
// is old; that is nothing, since there is no limit that would make it discard.
func (s *store) addSchedules(cfg *jetstream.StreamConfig) {
	cfg.Subjects = []string{s.pattern(""), s.schedules()}
	cfg.AllowMsgSchedules = true
	cfg.Discard = jetstream.DiscardOld
}

// allowSchedules changes a stream that was made without schedules.
func (s *store) allowSchedules(ctx context.Context, cfg jetstream.StreamConfig) error {
	const what = "it takes no schedules"
	if cfg.MaxBytes > 0 {
		return s.unfit(what + ", and cannot while its size is limited (max_bytes)")
	}
	s.addSchedules(&cfg)
	var allowed bool
	err := s.call(ctx, "$JS.API.STREAM.UPDATE."+s.stream, func(ctx context.Context) error {
		stream, err := s.js.UpdateStream(ctx, cfg)
		allowed = err == nil && stream.CachedInfo().Config.AllowMsgSchedules
		return err
	})
	switch {
	case errors.Is(err, transport.ErrDenied):
		return fmt.Errorf("the stream %s takes no schedules: open it once with StoreConfig.Schedules as somebody who may change it: %w", s.stream, err)
	case err == nil && !allowed:
		return s.unfit(what + ", which NATS has since 2.12; this is " + s.conn.nc.ConnectedServerVersion())
	default:
		return err
	}
}

func (s *store) replicas() int {
	switch {
	case s.config.Replicas > 0:
		return s.config.Replicas
	case s.conn.nc.ConnectedClusterName() != "":
		return 3
	default:
		return 1
	}
}

// keepsNothing says whether the account has no room on any disk, as that of a
// server that was started without a directory.
func (s *store) keepsNothing(ctx context.Context) bool {
	var info *jetstream.AccountInfo
	err := s.call(ctx, "$JS.API.INFO", func(ctx context.Context) (err error) {
		info, err = s.js.AccountInfo(ctx)
		return err
	})
	return err == nil && info.Limits.MaxStore == 0
}

// errUnfit marks a stream that cannot be a store.
var errUnfit = errors.New("the stream of this name cannot keep records")

// fits says why a stream will not do, or nil.
func (s *store) fits(c *jetstream.StreamConfig) error {
	var why string
	switch {
	case !slices.Equal(c.Subjects, []string{s.pattern("")}) && !(c.AllowMsgSchedules && slices.Equal(c.Subjects, []string{s.pattern(""), s.schedules()})):
		why = fmt.Sprintf("its subjects are %q, want %q", c.Subjects, s.pattern(""))
	case c.MaxMsgsPerSubject != 1:
		why = fmt.Sprintf("it keeps %d messages a subject (the history of a bucket), want 1", c.MaxMsgsPerSubject)
	case !c.AllowMsgTTL || c.SubjectDeleteMarkerTTL <= 0:
		why = "it lets no message expire, or leaves no marker: want allow_msg_ttl and subject_delete_marker_ttl, which NATS has since 2.11; this is " + s.conn.nc.ConnectedServerVersion()
	case c.MaxAge > 0 || c.MaxMsgs > 0 || c.Retention != jetstream.LimitsPolicy || c.NoAck || c.Sealed || c.Mirror != nil:
		why = "it drops messages by age, by number or when they are read, does not acknowledge, is sealed, or is a mirror"
	case c.MaxBytes > 0 && c.Discard == jetstream.DiscardOld:
		why = "it drops messages when it is full"
	default:
		return nil
	}
	return s.unfit(why)
}

func (s *store) unfit(why string) error {
	return fmt.Errorf("%w: %w %s: %s: choose another name, or delete it", transport.ErrStoreUnavailable, errUnfit, s.stream, why)
}

// renew makes the stream again if it is gone, as one in memory is when its
// server was started again.
func (s *store) renew(ctx context.Context) error {
	return s.openOnce(ctx)
}

// bounded gives ctx a deadline if it has none.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no answer within %v: %w", d, context.DeadlineExceeded))
}
