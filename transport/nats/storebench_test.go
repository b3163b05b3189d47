package nats_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// BenchmarkStore compares Put with a bare publish that names the sequence it
// replaces, each with one writer and with 64, who write keys of their own.
func BenchmarkStore(b *testing.B) {
	s := start(b, server.Options{JetStream: true, StoreDir: b.TempDir()})
	c := dial(b, s.ClientURL())
	st := openStore(b, c)
	value := make([]byte, 200)
	var keys atomic.Int64
	put := func() func() error {
		key, rev := fmt.Sprint("k.", keys.Add(1)), transport.Revision(0)
		return func() (err error) {
			rev, err = st.Put(b.Context(), key, value, rev, 0)
			return err
		}
	}
	bare := func() func() error {
		m := &nats.Msg{Subject: fmt.Sprint("$KV.b.k.", keys.Add(1)), Data: value, Header: nats.Header{}}
		last := "0"
		return func() error {
			m.Header["Nats-Expected-Last-Subject-Sequence"] = []string{last}
			r, err := c.NATS().RequestMsgWithContext(b.Context(), m)
			if err != nil {
				return err
			}
			_, last, _ = strings.Cut(strings.TrimSuffix(string(r.Data), "}"), `"seq":`)
			if _, err := strconv.Atoi(last); err != nil {
				return fmt.Errorf("the server says %q", r.Data)
			}
			return nil
		}
	}
	get := func() func() error {
		return func() error {
			_, err := st.Get(b.Context(), "k.1")
			return err
		}
	}
	for _, kind := range []struct {
		name string
		make func() func() error
	}{{"put", put}, {"bare", bare}, {"get", get}} {
		b.Run(kind.name+"/1", func(b *testing.B) {
			b.ReportAllocs()
			do := kind.make()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(kind.name+"/64", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				do := kind.make()
				for pb.Next() {
					if err := do(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
