package actor

import (
	"math/rand/v2"
	"testing"
)

// model is a mailbox that is slow and obvious: in the order of arrival.
type model struct {
	waiting []*execution
	picks   int
}

func (m *model) remove(ex *execution) {
	for i, w := range m.waiting {
		if w == ex {
			m.waiting = append(m.waiting[:i:i], m.waiting[i+1:]...)
			return
		}
	}
}

// turn is whose turn it is: the oldest at every eighth pick, else the oldest of
// the deepest.
func (m *model) turn() *execution {
	if len(m.waiting) == 0 {
		return nil
	}
	m.picks++
	next := m.waiting[0]
	if m.picks%8 != 0 {
		for _, ex := range m.waiting {
			if ex.depth > next.depth {
				next = ex
			}
		}
	}
	m.remove(next)
	return next
}

// victim is the newest of the shallowest.
func (m *model) victim() *execution {
	var v *execution
	for _, ex := range m.waiting {
		if v == nil || ex.depth <= v.depth {
			v = ex
		}
	}
	return v
}

func (m *model) bytes() (n int) {
	for _, ex := range m.waiting {
		n += ex.size
	}
	return n
}

func TestMailboxAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 3))
		depths := []int{3, 63, 64, 65, 130, 1000}[random.IntN(6)]
		var b mailbox
		var m model
		for step := range 600 {
			switch op := random.IntN(10); {
			case op < 5:
				ex := &execution{depth: random.IntN(depths + 1), size: random.IntN(100)}
				b.push(ex)
				m.waiting = append(m.waiting, ex)
			case op < 8:
				if got, want := b.pick(true), m.turn(); got != want {
					t.Fatalf("seed %d, step %d: pick() = depth %d, want depth %d", seed, step, depthOf(got), depthOf(want))
				}
			case op < 9 && len(m.waiting) > 0:
				ex := m.waiting[random.IntN(len(m.waiting))]
				b.remove(ex)
				m.remove(ex)
			default:
				if got, want := b.shallowest(), m.victim(); got != want {
					t.Fatalf("seed %d, step %d: shallowest() = depth %d, want depth %d", seed, step, depthOf(got), depthOf(want))
				}
			}
			if b.count != len(m.waiting) || b.bytes != m.bytes() {
				t.Fatalf("seed %d, step %d: %d calls of %d bytes, want %d of %d", seed, step, b.count, b.bytes, len(m.waiting), m.bytes())
			}
		}
	}
}

func depthOf(ex *execution) int {
	if ex == nil {
		return -1
	}
	return ex.depth
}

// TestMailboxIsFair checks that a shallow call starts however many deep ones
// keep coming.
func TestMailboxIsFair(t *testing.T) {
	t.Parallel()
	var b mailbox
	shallow := &execution{}
	b.push(shallow)
	for picks := 1; ; picks++ {
		b.push(&execution{depth: 5})
		if b.pick(true) == shallow {
			if picks != fairPick {
				t.Errorf("the oldest went at pick %d, want %d", picks, fairPick)
			}
			return
		}
		if picks > fairPick {
			t.Fatalf("the oldest did not go within %d picks", picks)
		}
	}
}

func TestMailboxAtMaxDepth(t *testing.T) {
	t.Parallel()
	var b mailbox
	deep, shallow := &execution{depth: maxMaxDepth}, &execution{depth: 0}
	b.push(shallow)
	b.push(deep)
	if got := b.shallowest(); got != shallow {
		t.Errorf("shallowest() = depth %d, want 0", depthOf(got))
	}
	if got := b.pick(true); got != deep {
		t.Errorf("pick() = depth %d, want %d", depthOf(got), maxMaxDepth)
	}
	if got := b.pick(true); got != shallow {
		t.Errorf("pick() = depth %d, want 0", depthOf(got))
	}
	if got := b.pick(true); got != nil {
		t.Errorf("pick() of an empty mailbox = depth %d, want nil", depthOf(got))
	}
	if got := b.shallowest(); got != nil {
		t.Errorf("shallowest() of an empty mailbox = depth %d, want nil", depthOf(got))
	}
}
