// Package transporttest says in code what every transport must do: one
// conformance suite and one benchmark suite for all of them.
//
//	func TestConformance(t *testing.T) {
//		t.Parallel()
//		transporttest.Run(t, func(tb testing.TB) transporttest.Harness { return newFabric(tb) })
//	}
//
// [RunStore] does the same for connections that are transport.Storers, and
// [RunScheduler] for stores that are transport.Schedulers.
//
// # What a transport brings
//
// A [Harness] that opens connections to one fabric. Abilities beyond that are
// small interfaces found by assertion: [Breaker] to test what happens when the
// link breaks, [Guard] to test what happens when the fabric refuses, [Patience]
// to give a case another time than 10 seconds. A topic that does not apply is
// not run, and the log says so.
//
// # What the suite takes care of
//
// All cases run in parallel on one harness and keep out of each other's way by
// their subjects; a case that breaks the link has a harness of its own. The
// fabric may be several servers: where a message is published on another
// connection than the one that subscribed, the suite first waits until the
// interest has spread. Nothing sleeps; whatever is waited for is waited for
// within the limit, and the failure says what it was.
//
// The suite is itself tested: see broken_test.go, which breaks a transport in
// every way listed there and expects each to be caught.
package transporttest
