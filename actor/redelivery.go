package actor

import "github.com/atasks-io/atasks/internal/wire"

// redelivered takes a call that the fabric delivers once more, since the worker
// that it was delivered to has been lost, or cut off. That one may have begun
// it, so it is not begun here: the caller is told that its worker is lost, and
// sends a call that may run twice again. Nothing is said where the call is in
// hand here, or its answer on its way.
func (w *worker) redelivered(ex *execution) {
	w.mu.Lock()
	inHand := w.byKey[ex.key] != nil
	w.mu.Unlock()
	if inHand || w.n.backlog.has(ex.key) {
		return
	}
	ex.refuse(&wire.Failure{Code: wire.CodeWorkerLost, Executed: wire.ExecutedUnknown, Message: "the worker that it was delivered to is gone"})
}
