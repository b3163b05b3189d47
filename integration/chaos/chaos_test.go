package chaos

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// shortChaos is how long the short form of TestChaos hurts, and phase how long
// a mixed run of the long form.
const (
	shortChaos = 12 * time.Second
	phase      = 45 * time.Second
)

// TestChaos runs mixed faults under load. With -chaos it is a campaign of that
// length: every promise by itself on its long scale, then mixed runs on one
// topology after the other until the time is over. It prints the seed first,
// which replays topologies and faults, and the figures last.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	if *chaosTime == 0 {
		t.Parallel()
		mixed(t, withPingsOrNot, seed, shortChaos, nil)
		return
	}
	end, on := time.Now().Add(*chaosTime), onNATS(brokerRole{})
	sum, s := newTally(), scaleOf(*chaosTime)
	for _, scenario := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"F2 no worker", func(t *testing.T) { noWorker(t, on, sum) }},
		{"F3 killed", func(t *testing.T) { killedWithMailbox(t, on, sum) }},
		{"F3 killed early", func(t *testing.T) { killedEarly(t, on, s, sum) }},
		{"F3 frozen", func(t *testing.T) { frozenWorker(t, on, sum) }},
		{"F3 cut off", func(t *testing.T) { cutOffWorker(t, on, sum) }},
		{"F3 silent", func(t *testing.T) { silentWorker(t, on, sum) }},
		{"F3 spinning", func(t *testing.T) { spinning(t, on, s, sum) }},
		{"F5 one of four frozen", func(t *testing.T) { oneOfFourFrozen(t, onNATS(brokerRole{PingInterval: natsPings}), s, sum) }},
		{"F6 overload", func(t *testing.T) { overload(t, on, s, sum) }},
		{"F7 cancel", func(t *testing.T) { cancelReaches(t, on, sum) }},
		{"F9 one slot", func(t *testing.T) { oneSlot(t, on, sum) }},
		{"F10 rolling restarts", func(t *testing.T) { rollingRestarts(t, on, s, sum) }},
		{"F11 broker restarts", func(t *testing.T) { outages(t, on, s, sum) }},
		{"F11 many clients", func(t *testing.T) { manyClients(t, on, s, sum) }},
		{"A3 owners killed", func(t *testing.T) { entityOwnerKilled(t, 6, sum) }},
	} {
		t.Run(scenario.name, scenario.run)
	}
	for i := uint64(0); i == 0 || time.Now().Before(end); i++ {
		d := max(shortChaos, min(phase, time.Until(end)))
		t.Run(fmt.Sprintf("mixed %d", i+1), func(t *testing.T) { mixed(t, withPingsOrNot, seed+i, d, sum) })
		t.Run(fmt.Sprintf("entities %d", i+1), func(t *testing.T) { entities(t, 1+2*int(i%2), seed+i, d, sum) })
	}
	sum.judge(t)
	verdict := "violations: none"
	if t.Failed() {
		verdict = "violations: see above; what is kept lies where it says"
	}
	t.Logf("seed %d, %v\n%v%s", seed, *chaosTime, sum, verdict)
}

// enough is how many figures have a p99 that is not just the worst of them.
const enough = 100

// judge checks the figures that only a whole campaign has enough of.
func (s *tally) judge(t *testing.T) {
	t.Helper()
	for kind, d := range s.detection {
		accepted, early := noticedSilent, noticedSilent
		if kind == faultKill {
			accepted, early = noticedKilled, noticedEarly
		}
		for _, one := range []struct {
			what  string
			f     figures
			limit time.Duration
		}{{"accepted", d.accepted, accepted}, {"just sent", d.early, early}} {
			if len(one.f) >= enough {
				atMost(t, "F3 "+kind+", "+one.what+", was noticed", one.f, enough, one.limit)
			}
		}
	}
}
