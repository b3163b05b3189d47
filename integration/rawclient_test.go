package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rawClient speaks NATS' own protocol, so that it can send what a client
// library would refuse or repair.
type rawClient struct{ host string }

func newRawClient(t *testing.T, address string) rawClient {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return rawClient{u.Host}
}

// send publishes one message over a connection of its own, and returns when
// the server has taken it or refused it; then refusal is what it said. header
// are lines of a header as they are.
func (c rawClient) send(t *testing.T, subject, reply string, header, body []byte) (refusal string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", c.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	if info, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(info, "INFO ") {
		t.Fatalf("the server greets with %q, %v", info, err)
	}
	var out bytes.Buffer
	out.WriteString("CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1}\r\n")
	if reply != "" {
		subject += " " + reply
	}
	if len(header) > 0 {
		block := "NATS/1.0\r\n" + string(header) + "\r\n\r\n"
		fmt.Fprintf(&out, "HPUB %s %d %d\r\n%s", subject, len(block), len(block)+len(body), block)
	} else {
		fmt.Fprintf(&out, "PUB %s %d\r\n", subject, len(body))
	}
	out.Write(body)
	out.WriteString("\r\nPING\r\n")
	_, _ = conn.Write(out.Bytes()) // the server may hang up in the middle; what it said follows
	for {
		line, err := in.ReadString('\n')
		switch {
		case strings.HasPrefix(line, "PONG"):
			return refusal
		case strings.HasPrefix(line, "-ERR"):
			refusal = strings.TrimSpace(line)
		case err != nil && refusal == "":
			return "hung up"
		case err != nil:
			return refusal
		}
	}
}

// published is where a message went, and what its reply field holds.
type published struct{ subject, reply string }

// frameFor is a frame's way to the node that waits at a return address.
func frameFor(address, token string) published {
	tokens := strings.Split(address, ".") // at, namespace, reply, group, node, call …
	return published{strings.Join(tokens[:5], ".") + token, tokens[5]}
}
