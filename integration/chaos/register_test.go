package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
)

// register is the state that is fought about: a text behind a key.
type register struct{ Text string }

// change is the input of the methods that write. Some take a while after they
// have changed the state, whatever becomes of their caller, so that faults meet
// them there.
type change struct {
	Old, New string
	Work     time.Duration
}

var (
	registers      = actor.DeclareKind[register]("register")
	registerGet    = actor.Method[struct{}, string](registers, "get", actor.ReadOnly())
	registerPut    = actor.Method[change, string](registers, "put")
	registerSwap   = actor.Method[change, bool](registers, "swap")
	registerAppend = actor.Method[change, string](registers, "append")
	registerFail   = actor.Method[struct{}, string](registers, "fail")
	registerOwner  = actor.Method[struct{}, string](registers, "owner", actor.ReadOnly())
)

// errRegister is what a failing method says, followed by the state.
var errRegister = errors.New("the register holds ")

// hostRole is a process that hosts registers.
type hostRole struct{ URL string }

func (h *hostRole) play(ctx context.Context) error {
	// Of the other servers it must not hear: its link is the one that is hurt.
	node, err := startNode(ctx, h.URL, actor.Config{Logger: stderr()}, nats.IgnoreDiscoveredServers())
	if err != nil {
		return err
	}
	if err := node.Serve(registerServable()); err != nil {
		return err
	}
	fmt.Println(ready + node.ID())
	return node.Run(ctx)
}

func registerServable() actor.Servable {
	return registers.With(
		registerGet.With(func(r *register, _ context.Context, _ struct{}) (string, error) { return r.Text, nil }),
		registerPut.With(func(r *register, _ context.Context, c change) (string, error) {
			r.Text = c.New
			lastFor(c.Work)
			return r.Text, nil
		}),
		registerSwap.With(func(r *register, _ context.Context, c change) (bool, error) {
			is := r.Text == c.Old
			if is {
				r.Text = c.New
			}
			lastFor(c.Work)
			return is, nil
		}),
		registerAppend.With(func(r *register, _ context.Context, c change) (string, error) {
			r.Text += c.New
			lastFor(c.Work)
			return r.Text, nil
		}),
		registerFail.With(func(r *register, _ context.Context, _ struct{}) (string, error) {
			text := r.Text
			r.Text = "never to be seen"
			return "", fmt.Errorf("%w%s", errRegister, text)
		}),
		registerOwner.With(func(_ *register, ctx context.Context, _ struct{}) (string, error) {
			info, _ := actor.InfoFrom(ctx)
			return info.Node, nil
		}),
	)
}

// What a client does.
const (
	opGet = iota
	opPut
	opSwap
	opAppend
)

// operation is an input of the model, effect its output.
type (
	operation struct {
		what     int
		key      string
		old, new string
		work     time.Duration
	}
	effect struct {
		text    string
		swapped bool
		unknown bool // it may have taken place, or may yet
	}
)

// registerModel is what a register is to its clients if there is only one of
// it: an operation of which nobody knows whether it took place may do so at any
// time later, at the end of all, too.
func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			text, op, out := state.(string), input.(operation), output.(effect)
			switch op.what {
			case opPut:
				return true, op.new
			case opAppend:
				text += op.new
				return out.unknown || out.text == text, text
			case opSwap:
				is := text == op.old
				if is {
					text = op.new
				}
				return out.unknown || out.swapped == is, text
			default:
				return out.text == text, text
			}
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	}
}

// clients operate on registers and record what came of it.
type clients struct {
	r     *rig
	keys  int
	nodes []*actor.Node
	stop  chan struct{}
	all   sync.WaitGroup

	mu       sync.Mutex // guards what follows
	history  map[string][]porcupine.Operation
	outcomes map[string]int
	commits  int
	unknown  int
	strange  []string
}

// start starts n clients at each node.
func startClients(r *rig, nodes []*actor.Node, each, keys int, seed uint64) *clients {
	c := &clients{
		r: r, keys: keys, nodes: nodes, stop: make(chan struct{}),
		history: make(map[string][]porcupine.Operation), outcomes: make(map[string]int),
	}
	for i := range each * len(nodes) {
		c.all.Go(func() { c.run(i, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	return c
}

// thinking is the pause between a client's operations: what is to be checked
// afterwards has to stay within bounds.
const thinking = 4 * time.Millisecond

func (c *clients) run(id int, draw *rand.Rand) {
	ctx := c.nodes[id%len(c.nodes)].Context(context.Background())
	seen := make(map[string]string) // what a key held when this client looked last
	pause := time.NewTicker(thinking)
	defer pause.Stop()
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		case <-pause.C:
		}
		op := operation{key: fmt.Sprint("r", draw.IntN(c.keys)), new: fmt.Sprintf("%d.%d ", id, n)}
		if draw.IntN(8) == 0 {
			op.work = time.Duration(draw.IntN(150)) * time.Millisecond
		}
		switch d := draw.IntN(20); {
		case d < 7:
			op.what = opGet
		case d < 10 || len(seen[op.key]) > 200:
			op.what = opPut
		case d < 14:
			op.what, op.old = opSwap, seen[op.key]
		default:
			op.what = opAppend
		}
		c.operate(ctx, id, op, draw.IntN(8) == 0, seen)
	}
}

// operate does one operation and records it.
func (c *clients) operate(ctx context.Context, id int, op operation, byFailure bool, seen map[string]string) {
	var out effect
	var err error
	limit := actor.CallTimeout(8 * time.Second)
	in := change{op.old, op.new, op.work}
	from := c.r.now()
	switch {
	case op.what == opGet && byFailure: // the error tells the state, too
		_, err = registerFail.Ask(ctx, op.key, struct{}{}, limit)
		if e, ok := errors.AsType[*actor.Error](err); ok && e.Code == "failed" && strings.HasPrefix(e.Message, errRegister.Error()) {
			out.text, err = strings.TrimPrefix(e.Message, errRegister.Error()), nil
		}
	case op.what == opGet:
		out.text, err = registerGet.Ask(ctx, op.key, struct{}{}, limit)
	case op.what == opPut:
		out.text, err = registerPut.Ask(ctx, op.key, in, limit)
	case op.what == opAppend:
		out.text, err = registerAppend.Ask(ctx, op.key, in, limit)
	default:
		out.swapped, err = registerSwap.Ask(ctx, op.key, in, limit)
	}
	to := c.r.now()
	if err == nil && op.what != opSwap {
		seen[op.key] = out.text
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	outcome, executed := outcomeOf(err)
	c.outcomes[outcome]++
	switch {
	case err == nil:
		if op.what != opGet {
			c.commits++
		}
	case op.what == opGet || executed == "no":
		return // it had no effect
	case outcome == "conflict" || outcome == "unsaved":
		return // so is the promise
	case slices.Contains(codes, outcome):
		out.unknown = true
		to = int64(1) << 62
		c.unknown++
	default:
		c.strange = append(c.strange, fmt.Sprintf("%+v ended with %v", op, err))
		return
	}
	c.history[op.key] = append(c.history[op.key], porcupine.Operation{ClientId: id, Input: op, Output: out, Call: from, Return: to})
}

// finish waits for the clients.
func (c *clients) finish() {
	close(c.stop)
	c.all.Wait()
}

// check says whether each key's history is that of one register.
func (c *clients) check(t *testing.T) {
	t.Helper()
	const most = 30 * time.Second
	for _, s := range c.strange {
		t.Errorf("an ask ended in a way that no promise allows: %s", s)
	}
	model := registerModel()
	for key, ops := range c.history {
		result, info := porcupine.CheckOperationsVerbose(model, ops, most)
		if result == porcupine.Ok {
			continue
		}
		verdict := "is not linearizable"
		if result == porcupine.Unknown {
			verdict = fmt.Sprintf("was not decided within %v", most)
		}
		path := c.r.dir + "/" + key + ".html"
		if err := porcupine.VisualizePath(model, info, path); err != nil {
			path = err.Error()
		}
		t.Errorf("A1, A2: the history of %s, %d operations, %s: see %s", key, len(ops), verdict, path)
		return // one is enough, and others may take long
	}
}

// firstWrites returns, for each key, when the first write begun after an instant
// ended well.
func (c *clients) firstWrites(after int64) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := make(map[string]int64)
	for key, ops := range c.history {
		for _, op := range ops {
			if in, out := op.Input.(operation), op.Output.(effect); in.what == opGet || out.unknown || op.Call < after {
				continue
			}
			if at, known := first[key]; !known || op.Return < at {
				first[key] = op.Return
			}
		}
	}
	return first
}

func (c *clients) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ops := 0
	for _, h := range c.history {
		ops += len(h)
	}
	s := strconv.Itoa(ops) + " operations on " + strconv.Itoa(len(c.history)) + " keys, " + strconv.Itoa(c.commits) + " commits, " + strconv.Itoa(c.unknown) + " of unknown outcome;"
	for _, name := range byCount(c.outcomes) {
		s += fmt.Sprintf(" %s %d", name, c.outcomes[name])
	}
	return s
}
