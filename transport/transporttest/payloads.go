package transporttest

import (
	"bytes"
	"errors"
	"math/rand/v2"

	"github.com/atasks-io/atasks/transport"
)

func payloadCases() []testCase {
	return []testCase{
		{"of any size arrive unchanged", payloadsArrive},
		{"larger than the limit are refused", payloadsTooLarge},
		{"count their header", payloadsCountHeader},
	}
}

// maxPayload is the largest payload that the suite tries where there is no
// limit, or one far above what is reasonable.
const maxPayload = 8 << 20

// limitOfPayload returns the largest payload to try, and whether the transport
// refuses a larger one.
func limitOfPayload(c *link) (limit int, enforced bool) {
	limit = c.Features().MaxPayload
	if limit == 0 || limit > maxPayload {
		return maxPayload, false
	}
	return limit, true
}

func payloadsArrive(f *fixture) {
	from, to := f.open(), f.open()
	in := to.inbox(f.subject("a"), "")
	from.settle(to)
	limit, _ := limitOfPayload(from)
	sizes := []int{0, 1, 2, 511, 512, 513, 4095, 4096, 4097, 32767, 32768, 32769, 65536, 256 << 10, limit - 1, limit}
	for _, n := range sizes {
		data := make([]byte, min(n, limit))
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		from.publish(&transport.Message{Subject: f.subject("a"), Data: data})
		if got := in.next(); !bytes.Equal(got.Data, data) {
			f.Errorf("%d bytes arrived as %d other bytes", len(data), len(got.Data))
		}
	}
}

func payloadsTooLarge(f *fixture) {
	c := f.open()
	limit, enforced := limitOfPayload(c)
	if !enforced {
		f.Logf("no limit below %d bytes: nothing to be refused", maxPayload)
		return
	}
	in := c.inbox(f.subject("a"), "")
	for _, n := range []int{limit + 1, 2 * limit} {
		err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a"), Data: make([]byte, n)})
		if !errors.Is(err, transport.ErrTooLarge) {
			f.Errorf("Publish(%d bytes) = %v, want ErrTooLarge: the limit is %d", n, err, limit)
		}
	}
	c.send(f.subject("a"), "good")
	in.expect("good")
}

func payloadsCountHeader(f *fixture) {
	c := f.open()
	limit, enforced := limitOfPayload(c)
	if !enforced {
		f.Logf("no limit below %d bytes: nothing to be refused", maxPayload)
		return
	}
	in := c.inbox(f.subject("a"), "")
	m := transport.Message{Subject: f.subject("a"), Data: make([]byte, limit-10), Header: transport.Header{"Key": {"twelve bytes"}}}
	if err := c.Publish(f.ctx, &m); !errors.Is(err, transport.ErrTooLarge) {
		f.Errorf("Publish(%d bytes and a header) = %v, want ErrTooLarge: the limit is %d", len(m.Data), err, limit)
	}
	m.Data = make([]byte, limit-1024)
	c.publish(&m)
	if got := in.next(); len(got.Data) != len(m.Data) || got.Header.Get("Key") != "twelve bytes" {
		f.Errorf("received %d bytes and %v, want %d and %v", len(got.Data), got.Header, len(m.Data), m.Header)
	}
}
