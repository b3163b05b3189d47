package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/transport"
)

// errNobody says that a request reached nobody, errSilence that it may have
// reached somebody.
var (
	errNobody  = errors.New("nobody answers for it")
	errSilence = errors.New("no answer")
)

// call runs do, which sends requests to subject, and gives its errors the kinds
// that the seam has for what only asks.
func (s *store) call(ctx context.Context, subject string, do func(ctx context.Context) error) error {
	err := s.send(ctx, subject, do)
	if err == nil || errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrDenied) {
		return err
	}
	return fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, advise(err))
}

// advise says what to do, where that is known.
func advise(err error) error {
	switch {
	case errors.Is(err, errNobody), isCode(err, codeNotEnabled), isCode(err, codeNotEnabledFor):
		return fmt.Errorf("%w: the server or this account has no JetStream, or the stream has no leader now", err)
	case isCode(err, codeNotReplicated), isCode(err, codeNoPeers):
		return fmt.Errorf("%w: the cluster has fewer servers than records are to have copies: start them, or set StoreConfig.Replicas", err)
	case isCode(err, codeNoStorage):
		return fmt.Errorf("%w: the server has no room on disk to promise: give it some, or set StoreConfig.Memory", err)
	default:
		return err
	}
}

// send runs do, with a context that ends also when the link is cut, the
// connection closed or the subject refused. It fails with ErrDenied, ErrClosed,
// ErrDisconnected or errNobody when nothing has arrived, and with errSilence
// beside the cause when nobody knows.
func (s *store) send(ctx context.Context, subject string, do func(ctx context.Context) error) error {
	c := s.conn
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := bounded(ctx, answerWithin)
	defer cancel()
	ctx, done := c.flights.begin(ctx, subject)
	defer done()
	// Looked at after the line above: whoever cuts ends the flights later.
	if err := c.usable(); err != nil {
		return err
	}
	err := do(ctx)
	var api *jetstream.APIError
	cause := context.Cause(ctx)
	switch {
	case err == nil, errors.As(err, &api), errors.Is(err, transport.ErrTooLarge):
		return err
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return errNobody
	case errors.Is(err, nats.ErrMaxPayload):
		return transport.ErrTooLarge
	case errors.Is(cause, transport.ErrDenied):
		return cause
	case cause != nil && c.link == nil && isRefusal(c.nc.LastError()) && refusedSubject(c.nc.LastError()) == subject:
		return denial(c.nc.LastError())
	case errors.Is(cause, transport.ErrClosed):
		return fmt.Errorf("%w: %w", errSilence, transport.ErrClosed)
	case cause != nil:
		return fmt.Errorf("%w: %w", errSilence, cause)
	case errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: %w", errSilence, transport.ErrClosed)
	default:
		return fmt.Errorf("%w: %w", errSilence, err)
	}
}

// denial is the error for what the server has refused.
func denial(refusal error) error {
	return fmt.Errorf("%w: %s: ask for it in the server's permissions", transport.ErrDenied, describe([]error{refusal}))
}

// isCode says whether err is the server's answer with this code.
func isCode(err error, code jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// query is what the leader of a stream can be asked for.
type query struct {
	LastFor string `json:"last_by_subj,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`
	NextFor string `json:"next_by_subj,omitempty"`
}

// message is what a stream holds for a subject.
type message struct {
	subject  string
	revision transport.Revision
	data     []byte
	marker   bool // of a deletion
}

// read returns the message that q asks for, nil when there is none. It makes
// the stream again if it is gone.
func (s *store) read(ctx context.Context, q query) (*message, error) {
	m, err := s.ask(ctx, q)
	if isCode(err, codeNoStream) {
		return nil, s.renew(ctx)
	}
	return m, err
}

func (s *store) ask(ctx context.Context, q query) (*message, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *stored             `json:"message"`
	}
	subject := "$JS.API.STREAM.MSG.GET." + s.stream
	err = s.call(ctx, subject, func(ctx context.Context) error {
		m, err := s.conn.nc.RequestWithContext(ctx, subject, body)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			return fmt.Errorf("an answer that cannot be read: %w", err)
		}
		switch {
		case answer.Error != nil && answer.Error.ErrorCode == codeNoMessage:
			return nil
		case answer.Error != nil:
			return answer.Error
		case answer.Message == nil:
			return errors.New("an answer without a message")
		default:
			return nil
		}
	})
	if err != nil || answer.Message == nil {
		return nil, err
	}
	return answer.Message.read()
}

// stored is a message as the server tells of it.
type stored struct {
	Subject  string `json:"subject"`
	Sequence uint64 `json:"seq"`
	Header   []byte `json:"hdrs"`
	Data     []byte `json:"data"`
}

func (m *stored) read() (*message, error) {
	found := &message{subject: m.Subject, revision: transport.Revision(m.Sequence), data: m.Data}
	if len(m.Header) > 0 {
		h, err := nats.DecodeHeadersMsg(m.Header)
		if err != nil {
			return nil, fmt.Errorf("%w: a record whose header cannot be read: %w", transport.ErrStoreUnavailable, err)
		}
		op := h.Get(operationHeader)
		found.marker = op == purged || op == "DEL" || h.Get(reasonHeader) != ""
	}
	return found, nil
}

// write publishes m if the newest message of its subject is last. While another
// write to the subject is in flight, which may yet fail, it tries again: so a
// conflict is one for good. It also tries again for a moment when nobody
// listens: a server may not have heard yet who leads the stream.
func (s *store) write(ctx context.Context, m *nats.Msg, last transport.Revision) (transport.Revision, error) {
	m.Header[expectHeader] = []string{strconv.FormatUint(uint64(last), 10)}
	began, wait, renewed := time.Now(), time.Millisecond, false
	for {
		rev, err := s.writeOnce(ctx, m)
		patience := 250 * time.Millisecond
		switch {
		case err == nil:
			return rev, nil
		case errors.Is(err, errNobody):
			if !renewed {
				failed := s.renew(ctx)
				renewed = failed == nil || errors.Is(failed, transport.ErrDenied)
				if failed != nil {
					err = fmt.Errorf("%w: %s", err, failed.Error())
				}
			}
		case isCode(err, codeInFlight):
			patience = time.Second
		default:
			return 0, s.unwritten(err)
		}
		if time.Since(began) > patience {
			return 0, s.unwritten(err)
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, 50*time.Millisecond)
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w: %w", transport.ErrStoreUnavailable, err, context.Cause(ctx))
		}
	}
}

func (s *store) writeOnce(ctx context.Context, m *nats.Msg) (transport.Revision, error) {
	var answer struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
	}
	err := s.send(ctx, m.Subject, func(ctx context.Context) error {
		reply, err := s.conn.nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(reply.Data, &answer); err != nil {
			return fmt.Errorf("an answer that cannot be read: %w", err)
		}
		switch {
		case answer.Error != nil:
			return answer.Error
		case answer.Sequence == 0:
			return errors.New("an answer without a sequence")
		default:
			return nil
		}
	})
	return transport.Revision(answer.Sequence), err
}

// unwritten gives the error of a write the kind that the seam has for it.
func (s *store) unwritten(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, errSilence), isCode(err, codeStoreFailed):
		return fmt.Errorf("%w: %w", transport.ErrUnknownOutcome, err)
	case errors.Is(err, transport.ErrDenied), errors.Is(err, transport.ErrClosed):
		return err
	case errors.Is(err, transport.ErrTooLarge), isCode(err, codeTooLarge):
		return fmt.Errorf("%w: the server's limit is %d bytes, %d of them for the header", transport.ErrTooLarge, s.conn.payload.Load(), transport.RecordOverhead)
	case isCode(err, codeConflict):
		return fmt.Errorf("%w: %w", transport.ErrConflict, err)
	case errors.As(err, &api):
		return fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, advise(err))
	}
}
