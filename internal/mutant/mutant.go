// Package mutant breaks one promise of the runtime at a time, to prove that a
// test notices. A build tag chooses which; without one nothing is broken, and
// since all of these are constants the compiler leaves no trace of them.
//
//	go test -tags mut_sendtwice ./integration/chaos
//
// "make mutants" builds each and expects the test that is for it to fail.
package mutant

// What can be broken. Each has the build tag mut_ and its name in lower case.
const (
	// SendTwice: a call of a task that may not run twice is sent again when its worker is lost (F4).
	SendTwice = broken == "sendtwice"
	// NoAccept: no worker says which calls it has (F3).
	NoAccept = broken == "noaccept"
	// NoPing: no caller asks a worker whether it still has its calls (F3).
	NoPing = broken == "noping"
	// NoAsk: no caller asks who has a call that nobody has answered (F3).
	NoAsk = broken == "noask"
	// FalseDeath: one ping that is answered late makes a worker dead, whoever was starved (F3).
	FalseDeath = broken == "falsedeath"
	// NoGrace: a call fails at once when nobody serves its task (F2).
	NoGrace = broken == "nograce"
	// NoSweep: nobody ends a call at its deadline but its worker (F1).
	NoSweep = broken == "nosweep"
	// NoDetour: calls are not led around a worker that is silent (F5).
	NoDetour = broken == "nodetour"
	// NoBound: a mailbox takes whatever comes (F6).
	NoBound = broken == "nobound"
	// NoCancel: a cancel does not reach the worker (F7).
	NoCancel = broken == "nocancel"
	// NoRecover: a panic of a handler is not recovered (F8).
	NoRecover = broken == "norecover"
	// HoldSlot: a handler keeps its slot while it awaits, and deeper calls wait for one like others (F9).
	HoldSlot = broken == "holdslot"
	// NoDrain: a node that is to drain closes at once (F10).
	NoDrain = broken == "nodrain"
	// NoHold: calls are not held while the connection is cut (F11).
	NoHold = broken == "nohold"
	// Leak: Close leaves its goroutines behind (G1).
	Leak = broken == "leak"
	// Untrue: a lost call is said not to have been executed (F1).
	Untrue = broken == "untrue"
	// ReplyAnywhere: a worker answers whatever address a call names.
	ReplyAnywhere = broken == "replyanywhere"
	// NoFence: an entity's state is saved whoever has saved it last (A1).
	NoFence = broken == "nofence"
	// ReplyEarly: a method's answer does not wait until the state is saved (A2).
	ReplyEarly = broken == "replyearly"
	// NoProof: an answer that wrote nothing does not wait for proof that the entity is still this node's (A2).
	NoProof = broken == "noproof"
	// NoOrder: messages to an entity are sent as they come, also while one before them waits to be tried again (A5).
	NoOrder = broken == "noorder"
)
