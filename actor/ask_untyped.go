package actor

import (
	"context"

	"github.com/atasks-io/atasks/internal/wire"
)

// Ask sends a message with an encoded input to the entity behind a key, and
// returns the encoded answer: the untyped ask under every typed one. body is in
// the codec of Config.Codec, and so is the answer. It blocks until the answer is
// there or ctx ends, which cancels the message. Errors are of type [*Error].
func (n *Node) Ask(ctx context.Context, kind, key, method string, body []byte, opts ...CallOption) ([]byte, error) {
	c := &call{borrowed: true, to: &addressee{key: key}}
	c.begin(ctx, untypedMethod(kind, method), rawBody(body), append([]CallOption{Via(n)}, opts...), true)
	c.await(ctx)
	if err := c.outcome(); err != nil {
		return nil, err
	}
	reply, err := c.resultBytes()
	if err != nil {
		return nil, c.failure(codeBadResult, wire.ExecutedYes, err.Error())
	}
	return reply, nil
}

// Tell sends a message with an encoded input to the entity behind a key and
// returns when its owner has taken it, as [KindMethod.Tell] does.
func (n *Node) Tell(ctx context.Context, kind, key, method string, body []byte, opts ...CallOption) error {
	c := &call{borrowed: true, to: &addressee{key: key}}
	c.begin(ctx, untypedMethod(kind, method), rawBody(body), append([]CallOption{Via(n), func(o *callOptions) { o.tell = true }}, opts...), true)
	c.await(ctx)
	return c.outcome()
}

// untypedMethod is a method whose input and answer are bytes.
func untypedMethod(kind, method string) *Target {
	t := untyped(kind + "." + method)
	t.method = &methodDecl{kind: &kindDecl{name: kind}, name: method}
	if t.nameErr = wire.CheckName(kind); t.nameErr == nil {
		t.nameErr = wire.CheckToken("method", method)
	}
	return t
}
