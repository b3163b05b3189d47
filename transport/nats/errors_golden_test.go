package nats_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	atnats "github.com/atasks-io/atasks/transport/nats"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The texts that a person reads at three in the morning, whole.
func TestConnectErrorTexts(t *testing.T) {
	t.Parallel()
	locked := start(t, server.Options{Username: "joe", Password: "right"}).Addr().String()
	plain := start(t, server.Options{}).Addr().String()
	within := &inProcess{server: start(t, server.Options{Username: "joe", Password: "right", DontListen: true})}
	refused := nobody(t)
	addresses := strings.NewReplacer(locked, "LOCKED", plain, "PLAIN", refused, "REFUSED")
	var texts strings.Builder
	for _, c := range []struct {
		name, url string
		opts      []atnats.Option
	}{
		{name: "nobody listens", url: "nats://" + refused},
		{name: "nobody listens at two", url: "nats://" + refused + ",nats://" + refused},
		{name: "wrong password", url: "nats://joe:wrong@" + locked},
		{name: "wrong token", url: "nats://" + locked, opts: []atnats.Option{atnats.Token("wrong")}},
		{name: "no credentials", url: "nats://" + locked},
		{name: "wrong password in process", opts: []atnats.Option{atnats.InProcess(within), atnats.UserPassword("joe", "wrong")}},
		{name: "TLS to a server without", url: "tls://" + plain},
		{name: "not a URL", url: "nats://u:%zz@host"},
		{name: "wrong scheme", url: "http://host"},
		{name: "no address"},
		{name: "missing credentials file", url: "nats://" + plain, opts: []atnats.Option{atnats.CredentialsFile("missing.creds")}},
		{name: "bad seed", url: "nats://" + plain, opts: []atnats.Option{atnats.NKeySeed([]byte("SU"))}},
	} {
		_, err := atnats.Connect(soon(t), c.url, c.opts...)
		if err == nil {
			t.Errorf("%s: Connect() = nil, want an error", c.name)
			continue
		}
		fmt.Fprintf(&texts, "%s\n\t%s\n", c.name, addresses.Replace(err.Error()))
	}
	golden := filepath.Join("testdata", "connect_errors.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(texts.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), texts.String()); diff != "" {
		t.Errorf("the texts differ from %s (-want, +got): if they are better now, write it with -update\n%s", golden, diff)
	}
}
