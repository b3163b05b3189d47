// Package chaos holds the tests that hurt: processes are killed, frozen and
// stopped, brokers restarted and links cut while calls are under way, and the
// promises about awaiting a call are checked on what came out of it. It has no
// code of its own outside of tests.
//
// The test binary plays every part: it starts itself again as a broker, as a
// worker and as a caller, see role. What the handlers did and how the calls
// ended is recorded outside the system under test, in journals: files that each
// process appends whole lines to, so that they survive its death. A rig keeps
// the processes, the journals and the log of what was done to whom; a history
// is what the journals say, and the checkers are its methods.
//
// A green run means something only when there was something to see. So every
// fault is verified to have taken place, and a run fails in which nothing was
// in flight at a fault or the throughput was under its floor. That the checkers
// see what they are for is proven by mutants: "make mutants" breaks one promise
// at a time and expects a test to fail.
//
// The processes carry no race detector, whose cost would drown the figures; those
// of mixed runs, and the tests that stay within one process, do.
//
// A figure is a promise of the runtime, not of the machine. Each process records
// when it, or a thread of it, had to wait for a processor, and what is held
// against a promise is what is left without that. Both are printed.
package chaos
