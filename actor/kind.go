package actor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// Kind is a kind of entity: state of type S behind a key. Each key of a kind
// has one owner at a time among the nodes that host the kind, and the owner
// executes one message for it at a time, but for methods that are [ReadOnly].
// A Kind is an immutable value that belongs to no node; declare it once, as a
// package variable.
//
// The state is kept in a store of the broker unless the kind is [Volatile]. A
// method's answer comes after its state was saved, and every later answer
// shows it, whichever node owns the key by then. Hosting such a kind takes a
// transport with records: NATS 2.12 or later with JetStream, an embedded server,
// loopback.
type Kind[S any] struct{ decl *kindDecl }

// kindDecl is the declaration of a kind.
type kindDecl struct {
	name     string
	volatile bool
	idle     time.Duration
	mailbox  int
	upgrades []upgrade
	nameErr  error
	optErr   error
}

// Defaults of a kind.
const (
	defaultIdleAfter   = 10 * time.Minute
	defaultMailboxSize = 1024
)

// DeclareKind returns a kind. It registers nothing and never fails: Serve and
// Ask report a name that does not fit, which has the form of a task's name, or
// options that make no sense.
func DeclareKind[S any](name string, opts ...KindOption) *Kind[S] {
	d := &kindDecl{name: name, idle: defaultIdleAfter, mailbox: defaultMailboxSize, nameErr: wire.CheckName(name)}
	for _, o := range opts {
		if o != nil {
			o(d)
		}
	}
	return &Kind[S]{d}
}

// Name returns the name that the kind was declared with.
func (k *Kind[S]) Name() string { return k.declared().name }

// declared is the declaration, or in place of nil, which the zero value of a
// kind holds, one that says what is missing.
func (k *Kind[S]) declared() *kindDecl {
	if k == nil || k.decl == nil {
		return &kindDecl{nameErr: errors.New("the zero value of a kind has none: make it with DeclareKind")}
	}
	return k.decl
}

// KindOption is an option of a kind's declaration.
type KindOption func(*kindDecl)

// Volatile says that the state lives in its owner's memory alone. It begins
// anew when the owner passivates the entity, ends, or gives the key to another
// host, which happens when one joins or leaves. While hosts disagree about who
// is there, for a moment, two of them may each have an activation.
func Volatile() KindOption { return func(d *kindDecl) { d.volatile = true } }

// IdleAfter is how long an entity stays in memory without a message. Default
// 10 minutes.
func IdleAfter(d time.Duration) KindOption {
	return func(k *kindDecl) {
		k.idle = d
		if d <= 0 {
			k.optErr = join(k.optErr, fmt.Errorf("IdleAfter(%v): want more than 0", d))
		}
	}
}

// MailboxSize is how many messages wait for one entity before further ones
// are refused with ErrBusy, which the asking runtime tries again. Default 1024.
func MailboxSize(n int) KindOption {
	return func(k *kindDecl) {
		k.mailbox = n
		if n <= 0 {
			k.optErr = join(k.optErr, fmt.Errorf("MailboxSize(%d): want 1 or more", n))
		}
	}
}

// Impl is a part of a kind's implementation: a method with its function, or
// how the state of a key begins.
type Impl[S any] struct{ add func(*kindImplementation) }

// New says how the state of a key begins: fn makes it when the key is first
// asked for. Its context is that of the message that asks. Without it, state
// begins as the zero value. An error is that of the message, and the key stays
// without state.
func New[S any](fn func(ctx context.Context, key string) (*S, error)) Impl[S] {
	return Impl[S]{func(i *kindImplementation) {
		switch {
		case fn == nil:
			i.errs = append(i.errs, errors.New("New(nil): give it a function, or leave it out"))
		case i.begin != nil:
			i.errs = append(i.errs, errors.New("New is given twice"))
		default:
			i.begin = func(ctx context.Context, key string) (any, error) {
				s, err := fn(ctx, key)
				if err == nil && s == nil {
					err = errors.New("New returned neither a state nor an error")
				}
				return s, err
			}
		}
	}}
}

// kindImplementation is a kind with its methods, independent of any node.
type kindImplementation struct {
	*kindDecl
	begin   func(ctx context.Context, key string) (any, error) // makes a *S; nil for the zero value
	zero    func() any                                         // makes a *S
	plain   bool                                               // S is copied by assignment
	methods map[string]*implementation
	decode  func(encoded []byte) (any, error) // makes a *S
	errs    []error
}

// deleteMethod is the method behind [Kind.Delete]. No method of a program has
// this name.
const deleteMethod = "-delete"

// With joins the kind and the functions that carry it out, for Serve.
func (k *Kind[S]) With(impls ...Impl[S]) Servable {
	d := k.declared()
	i := &kindImplementation{
		kindDecl: d,
		zero:     func() any { return new(S) },
		plain:    plainTypeOf(reflect.TypeFor[S]()) != nil,
		decode:   decodeState[S],
		methods:  make(map[string]*implementation),
	}
	for n, impl := range impls {
		if impl.add == nil {
			i.errs = append(i.errs, fmt.Errorf("implementation %d is the zero value: make it with a method's With, or with New", n))
			continue
		}
		impl.add(i)
	}
	if len(i.methods) == 0 {
		i.errs = append(i.errs, errors.New("no method: give With one"))
	}
	i.methods[deleteMethod] = &implementation{
		name:   d.name + "." + deleteMethod,
		direct: func(ex *execution) (any, error) { return nil, ex.forget() },
		decode: func(*execution) (any, error) { return nil, nil }, //nolint:nilnil // there is no input
		apply: func(ctx context.Context, _ any) (any, error) {
			ex, _ := ctx.Value(executionKey{}).(*execution)
			return nil, ex.forget()
		},
	}
	if why := hidden(reflect.TypeFor[S](), nil); why != "" {
		i.errs = append(i.errs, fmt.Errorf("state %v: %s: a codec would lose it; export it, or give its type a marshaller of its own", reflect.TypeFor[S](), why))
	}
	impl := &implementation{name: d.name, kind: i}
	if n := len(d.upgrades); n > 0 && d.upgrades[n-1].to != reflect.TypeFor[S]() {
		i.errs = append(i.errs, fmt.Errorf("the last Upgrade makes a %v, the state is a %v", d.upgrades[n-1].to, reflect.TypeFor[S]()))
	}
	switch {
	case d.nameErr != nil:
		impl.err = fmt.Errorf("kind %q: %w: %w", d.name, ErrBadName, d.nameErr)
	case d.optErr != nil:
		impl.err = fmt.Errorf("kind %q: %w: %w", d.name, ErrBadOption, d.optErr)
	case len(i.errs) > 0:
		impl.err = fmt.Errorf("kind %q: %w", d.name, errors.Join(i.errs...))
	}
	return impl
}

// Delete ends the state of a key: the next message finds it as if it had never
// been. It waits its turn among the messages of the key, and succeeds for a key
// that has no state. Errors are of type [*Error].
func (k *Kind[S]) Delete(ctx context.Context, key string) error {
	d := k.declared()
	t := &Target{name: d.name + "." + deleteMethod, method: &methodDecl{kind: d, name: deleteMethod}}
	t.nameErr, t.optionErr, t.rerunnable = d.nameErr, d.optErr, true
	_, err := ask[struct{}](ctx, t, key, nil, nil)
	return err
}

// hidden says which part of a type a codec does not see; "" when it sees all.
func hidden(t reflect.Type, seen []reflect.Type) string {
	for _, s := range seen {
		if s == t {
			return ""
		}
	}
	seen = append(seen, t)
	if hasMarshaller(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return hidden(t.Elem(), seen)
	case reflect.Map:
		if why := hidden(t.Key(), seen); why != "" {
			return why
		}
		return hidden(t.Elem(), seen)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
		return fmt.Sprintf("%v cannot be encoded", t)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() && f.Name != "_" {
				return fmt.Sprintf("field %s of %v is unexported", f.Name, t)
			}
			if why := hidden(f.Type, seen); why != "" {
				return why
			}
		}
	}
	return ""
}

// decodeState makes state of its encoding.
func decodeState[S any](encoded []byte) (any, error) {
	s := new(S)
	return s, stateCodec().Unmarshal(encoded, s)
}

// stateCodec encodes state. It is not that of Config.Codec: all hosts of a kind
// read what one of them wrote.
func stateCodec() codec.Codec { return codec.Msgpack }
