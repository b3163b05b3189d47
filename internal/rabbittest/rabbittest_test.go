package rabbittest

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A node takes connections, keeps what is durable over a kill, and leaves
// nothing behind.
func TestNode(t *testing.T) {
	t.Parallel()
	n := Start(t)
	declare := func(passive bool) error {
		c, err := amqp.Dial(n.URL())
		if err != nil {
			return err
		}
		defer c.Close()
		ch, err := c.Channel()
		if err != nil {
			return err
		}
		if passive {
			return ch.ExchangeDeclarePassive("kept", "topic", true, false, false, false, nil)
		}
		return ch.ExchangeDeclare("kept", "topic", true, false, false, false, nil)
	}
	if err := declare(false); err != nil {
		t.Fatalf("declare an exchange: %v", err)
	}
	n.Halt() // Kill would lose what the broker has not written yet
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := declare(true); err != nil {
		t.Errorf("look for the exchange after the restart: %v", err)
	}
	n.Kill()
	if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.Addr()); err == nil {
		c.Close()
		t.Error("the node takes connections after Kill")
	}
	n.Stop()
	if _, err := os.Stat(n.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory of a stopped node: %v, want that it is gone", err)
	}
	n.Stop()
}
