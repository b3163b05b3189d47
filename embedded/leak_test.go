package embedded

import (
	"bytes"
	"net"
	"runtime/pprof"
	"strings"
	"testing"
)

// After Shutdown nothing of the server runs. Not parallel: other tests' servers
// would be counted, and those that are parallel begin later.
func TestShutdownLeavesNoGoroutine(t *testing.T) {
	for name, cfg := range map[string]Config{
		"zero":     {},
		"listener": {Listen: "127.0.0.1:0", Auth: Auth{Token: "t"}},
		"Dir":      {Dir: t.TempDir(), Namespaces: []Namespace{{Name: "a"}, {Name: "b"}}},
	} {
		s, err := Start(cfg)
		if err != nil {
			t.Fatalf("%s: Start() = %v, want a server", name, err)
		}
		if err := s.Shutdown(within(t)); err != nil {
			t.Errorf("%s: Shutdown() = %v, want nil", name, err)
		}
		wantNothingLeft(t, name)
	}
	all := runCluster(t, 3, func(int, *Config) {})
	for _, s := range all {
		if err := s.Shutdown(within(t)); err != nil {
			t.Errorf("cluster: Shutdown() = %v, want nil", err)
		}
	}
	wantNothingLeft(t, "cluster")

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	for _, cfg := range []Config{
		{Listen: taken},
		{Name: "a", Listen: "127.0.0.1:0", Cluster: Cluster{Listen: taken, Routes: []string{taken}}},
	} {
		if _, err := Start(cfg); err == nil {
			t.Errorf("Start(%+v) = nil, want an error: the port is in use", cfg)
		}
		wantNothingLeft(t, "failed start")
	}
}

func wantNothingLeft(t *testing.T, after string) {
	t.Helper()
	var left string
	err := poll(within(t), func() bool {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
			t.Fatal(err)
		}
		var found []string
		for stack := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(stack, "nats-server/v2") {
				found = append(found, stack)
			}
		}
		left = strings.Join(found, "\n\n")
		return left == ""
	})
	if err != nil {
		t.Errorf("after %s these goroutines are left:\n%s", after, left)
	}
}
