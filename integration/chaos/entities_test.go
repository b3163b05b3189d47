package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
)

// shortEntities is how long the short form of each entity run hurts.
const shortEntities = 30 * time.Second

func TestEntitiesOnOneServer(t *testing.T) {
	t.Parallel()
	entities(t, 1, rand.Uint64(), shortEntities, nil)
}

func TestEntitiesOnThreeServers(t *testing.T) {
	t.Parallel()
	entities(t, 3, rand.Uint64(), shortEntities, nil)
}

// host is a process that hosts registers, and its link.
type host struct {
	*process
	link *link
}

// entityFights is a run of clients and hosts that are hurt.
type entityFights struct {
	*keeping
	draw  *rand.Rand
	hosts []host
}

func (e *entityFights) newHost() host {
	l := e.wire(e.draw.IntN(len(e.servers)))
	name, _ := e.name("host")
	return host{e.start(role{Name: name, Dir: e.dir, Host: &hostRole{URL: l.url()}}), l}
}

// asker starts a node that asks.
func (k *keeping) asker(url string) *actor.Node {
	k.t.Helper()
	n, err := startNode(context.Background(), url, actor.Config{})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { n.Close() })
	return n
}

// entities runs A1 and A2: clients get, put, swap and append while hosts are
// killed, stopped, frozen for longer than their lease and cut off, and servers
// are killed. Each key's history must be that of one register.
func entities(t *testing.T, servers int, seed uint64, d time.Duration, sum *tally) {
	t.Logf("seed %d", seed)
	e := &entityFights{keeping: newKeeping(t, servers), draw: rand.New(rand.NewPCG(seed, 1))}
	for range 3 {
		e.hosts = append(e.hosts, e.newHost())
	}
	near := e.wire(0)
	nodes := []*actor.Node{e.asker(e.urls()), e.asker(e.urls()), e.asker(near.url()), e.asker(e.urls())}
	const keys = 20
	c := startClients(e.rig, nodes, 4, keys, seed)
	begun := time.Now()
	lastFor(time.Second)
	e.hurtHosts(begun.Add(d), near)
	lastFor(2 * time.Second)
	c.finish()
	took := time.Since(begun)

	var back figures
	hurt := map[string]int{}
	for _, f := range e.faults {
		hurt[f.kind]++
		if f.kind != faultBrokerKill {
			continue
		}
		from := f.from
		if servers == 1 {
			from = f.to
		}
		for _, at := range c.firstWrites(from) {
			back = append(back, figure{time.Duration(at - from), time.Duration(at - from)})
		}
	}
	sum.note(t, "A1, A2 on %d servers: %v; faults %v; keys were written again after a server was killed: %v", servers, c, hurt, back)
	c.check(t)
	const floor = 10 // a second, which a machine that tests other things besides does, too
	if rate := float64(c.commits) / took.Seconds(); rate < floor {
		t.Errorf("vacuous: %.0f commits a second, want at least %d", rate, floor)
	}
	if c.unknown == 0 {
		t.Error("vacuous: no fault met an operation")
	}
	for _, kind := range []string{faultKill, faultFreeze, faultTerm, faultCut, faultHole, faultBrokerKill} {
		if hurt[kind] == 0 {
			t.Errorf("vacuous: no %s took place", kind)
		}
	}
}

// hurtHosts hurts one after the other until the end; each way there is comes
// first, in an order that is drawn.
func (e *entityFights) hurtHosts(end time.Time, near *link) {
	ways := []func(*host){
		func(h *host) { e.kill(h.process); *h = e.newHost() },
		func(h *host) { e.kill(h.process); *h = e.newHost() },
		func(h *host) { e.term(h.process); *h = e.newHost() },
		func(h *host) { e.freeze(h.process, e.between(5*time.Second, 9*time.Second)) },
		func(h *host) { e.cut(h.link, h.process, e.between(500*time.Millisecond, 3*time.Second)) },
		func(h *host) { e.silence(h.link, h.process, e.between(5*time.Second, 9*time.Second)) },
		func(*host) { e.fell(e.draw.IntN(len(e.servers)), e.between(0, time.Second)) },
		func(*host) {
			over := e.begun(faultCut, theTest, time.Now())
			near.cut(true)
			lastFor(e.between(0, time.Second))
			near.mend()
			over()
		},
	}
	order := e.draw.Perm(len(ways))
	// One host sleeps for longer than its lease meanwhile, now and then.
	for n := 0; n < len(ways) || time.Now().Before(end); n++ {
		sleeper := &e.hosts[0]
		asleep := n%len(ways) == 0
		var woken sync.WaitGroup
		if asleep {
			over := e.begun(faultFreeze, sleeper.role.Name, time.Now())
			if err := sleeper.freeze(); err != nil {
				e.t.Fatal(err)
			}
			woken.Go(func() {
				lastFor(17 * time.Second)
				if err := sleeper.thaw(); err != nil {
					e.t.Error(err)
				}
				over()
			})
		}
		way := order[n%len(ways)]
		if n >= len(ways) {
			way = e.draw.IntN(len(ways))
		}
		ways[way](&e.hosts[1+e.draw.IntN(2)])
		lastFor(e.between(200*time.Millisecond, time.Second))
		if asleep {
			for n++; n%len(ways) != 0; n++ {
				way = order[n%len(ways)]
				ways[way](&e.hosts[1+e.draw.IntN(2)])
				lastFor(e.between(200*time.Millisecond, time.Second))
			}
			n--
			woken.Wait()
		}
	}
}

func (e *entityFights) between(least, most time.Duration) time.Duration {
	return least + time.Duration(e.draw.Int64N(int64(most-least)))
}

func TestEntityOwnerKilled(t *testing.T) {
	t.Parallel()
	entityOwnerKilled(t, 2, nil)
}

// ownerGone is the figure of A3: a killed owner's keys answer again.
const ownerGone = 2 * time.Second

// entityOwnerKilled is A3: the keys of a host that is killed answer again
// elsewhere, with what they held.
func entityOwnerKilled(t *testing.T, kills int, sum *tally) {
	k := newKeeping(t, 1)
	ctx := k.asker(k.urls()).Context(t.Context())
	newHost := func() *process {
		name, _ := k.name("host")
		return k.start(role{Name: name, Dir: k.dir, Host: &hostRole{URL: k.urls()}})
	}
	hosts := []*process{newHost(), newHost(), newHost()}
	const keys = 300
	var all figures
	for i := range kills {
		key := func(n int) string { return fmt.Sprintf("k%d.%d", i, n) }
		victim := hosts[i%len(hosts)]
		var had []int
		for n := range keys {
			if _, err := registerPut.Ask(ctx, key(n), change{New: "x"}); err != nil {
				t.Fatal(err)
			}
			owner, err := registerOwner.Ask(ctx, key(n), struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			if owner == victim.ready {
				had = append(had, n)
			}
		}
		from := time.Now()
		over := k.begun(faultKill, victim.role.Name, from)
		if err := victim.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		figures := make(figures, len(had))
		var asking sync.WaitGroup
		for j, n := range had {
			asking.Go(func() {
				for {
					got, err := registerAppend.Ask(ctx, key(n), change{New: "y"})
					if err == nil {
						if got != "xy" && got != "xyy" { // the first may have been saved, and its answer lost
							t.Errorf("A2: %s holds %q after its owner was killed", key(n), got)
						}
						break
					}
					if time.Since(from) > 10*ownerGone {
						t.Errorf("A3: %s does not answer: %v", key(n), err)
						break
					}
				}
				took := time.Since(from)
				figures[j] = figure{took, k.history().net(k.log.stamp(from), k.log.stamp(from.Add(took)), theTest, "server-0")}
			})
		}
		asking.Wait()
		<-victim.ended
		over()
		all = append(all, figures...)
		hosts[i%len(hosts)] = newHost()
	}
	sum.note(t, "A3 keys of a killed owner answered: %v", all)
	atMost(t, "A3 the keys of a killed owner answered", all, kills*keys/10, ownerGone)
}
