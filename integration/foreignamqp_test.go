package integration

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// directReply is where RabbitMQ's clients take answers without a queue.
const directReply = "amq.rabbitmq.reply-to"

// foreign is a client of RabbitMQ that knows nothing of this library.
type foreign struct {
	ch       *amqp.Channel
	exchange string
	answers  <-chan amqp.Delivery
	returned <-chan amqp.Return
}

func openChannel(t *testing.T, url string) *amqp.Channel {
	t.Helper()
	server, _, _ := strings.Cut(url, "#")
	conn, err := amqp.Dial(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func newForeign(t *testing.T, url, exchange string) *foreign {
	t.Helper()
	c := &foreign{ch: openChannel(t, url), exchange: exchange}
	c.returned = c.ch.NotifyReturn(make(chan amqp.Return, 16)) // more than any test has
	var err error
	if c.answers, err = c.ch.Consume(directReply, "", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *foreign) publish(t *testing.T, subject, id, replyTo, body string) {
	t.Helper()
	if err := c.ch.PublishWithContext(t.Context(), c.exchange, subject, true, false, amqp.Publishing{
		ContentType: "application/json", CorrelationId: id, ReplyTo: replyTo, Body: []byte(body),
	}); err != nil {
		t.Fatal(err)
	}
}

func (c *foreign) answer(t *testing.T) amqp.Delivery {
	t.Helper()
	select {
	case d := <-c.answers:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no answer within 10s")
		panic("unreachable")
	}
}

// startVictim starts a worker that the test may kill.
func startVictim(t *testing.T, url string) *os.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), exe)
	cmd.Env = append(os.Environ(), roleVar+"="+workers, urlVar+"="+url, slotsVar+"=64")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill() // the test has, or has failed
		_ = cmd.Wait()
	})
	line := make([]byte, 256)
	if n, err := out.Read(line); err != nil || !strings.HasPrefix(string(line[:n]), ready) {
		t.Fatalf("the victim says %q, %v, want that it is ready", line[:n], err)
	}
	return cmd.Process
}

// waitFor waits until ok says so.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(late) {
			t.Fatalf("%s: not within 20s", what)
		}
	}
}
