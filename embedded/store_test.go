package embedded

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestDirSurvivesRestart(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"alone":      {},
		"namespaces": {Namespaces: []Namespace{{Name: "a"}, {Name: "b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.Dir = filepath.Join(t.TempDir(), "made", "by", "start")
			namespace := ""
			if len(cfg.Namespaces) > 0 {
				namespace = "a"
			}
			s := run(t, cfg)
			nc := dialLocal(t, s, namespace)
			js := streams(t, nc)
			if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
				t.Fatalf("CreateStream() = %v, want nil", err)
			}
			if _, err := js.Publish(within(t), "s", []byte("kept")); err != nil {
				t.Fatalf("Publish() = %v, want nil", err)
			}
			nc.Close()
			if err := s.Shutdown(within(t)); err != nil {
				t.Fatalf("Shutdown() = %v, want nil", err)
			}

			stream, err := streams(t, dialLocal(t, run(t, cfg), namespace)).Stream(within(t), "S")
			if err != nil {
				t.Fatalf("Stream(S) after a restart = %v, want the stream", err)
			}
			m, err := stream.GetMsg(within(t), 1)
			if err != nil || string(m.Data) != "kept" {
				t.Errorf("GetMsg(1) after a restart = %v, %v, want %q", m, err, "kept")
			}
		})
	}
}

func TestDirTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := run(t, Config{Dir: dir})
	for _, second := range []string{dir, filepath.Join(dir, "..", filepath.Base(dir))} {
		_, err := Start(Config{Dir: second})
		wantInUse(t, err, dir)
	}
	if err := s.Shutdown(within(t)); err != nil {
		t.Fatalf("Shutdown() = %v, want nil", err)
	}
	run(t, Config{Dir: dir})
}

func TestDirOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(within(t), os.Args[0])
	cmd.Env = append(os.Environ(), holdDir+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the other process says %q, %v, want that it is ready", line, err)
	}
	_, err = Start(Config{Dir: dir})
	wantInUse(t, err, dir)
	// Killed, so that nobody gives the lock back.
	if err := errors.Join(cmd.Process.Kill(), stdin.Close()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	run(t, Config{Dir: dir})
}

func wantInUse(t *testing.T, err error, dir string) {
	t.Helper()
	if err == nil {
		t.Fatalf("Start(Dir: %q) = nil, want an error: the directory is in use", dir)
	}
	for _, want := range []string{dir, "in use", "shut", "process "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Start(Dir: %q) = %q, want %q in it", dir, err, want)
		}
	}
}

func TestDirRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{file: "is a file", filepath.Join(file, "below"): "cannot be made"}
	if runtime.GOOS == "linux" {
		cases["/proc/sys"] = "is not writable" // for root too
	} else {
		sealed := t.TempDir()
		if err := os.Chmod(sealed, 0o500); err != nil {
			t.Fatal(err)
		}
		cases[sealed] = "is not writable"
	}
	for dir, want := range cases {
		s, err := Start(Config{Dir: dir})
		if err == nil {
			_ = s.Shutdown(cancelled())
			t.Fatalf("Start(Dir: %q) = nil, want an error", dir)
		}
		if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), want) {
			t.Errorf("Start(Dir: %q) = %q, want %q in it", dir, err, want)
		}
	}
}

func TestSync(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg      Config
		always   bool
		interval time.Duration
	}{
		"Dir":                   {Config{Dir: t.TempDir()}, true, 0},
		"Dir and interval":      {Config{Dir: t.TempDir(), SyncInterval: 3 * time.Second}, false, 3 * time.Second},
		"memory":                {Config{}, false, 0},
		"memory, an interval":   {Config{SyncInterval: 3 * time.Second}, false, 3 * time.Second},
		"Dir among namespaces":  {Config{Dir: t.TempDir(), Namespaces: []Namespace{{Name: "a"}}}, true, 0},
		"Dir and a small store": {Config{Dir: t.TempDir(), MaxStore: 1 << 20}, true, 0},
	} {
		s := run(t, tc.cfg)
		info, err := s.ns.Jsz(nil)
		if err != nil {
			t.Fatalf("Jsz() = %v, want nil", err)
		}
		if got := info.Config; got.SyncAlways != tc.always || tc.interval != 0 && got.SyncInterval != tc.interval {
			t.Errorf("%s: the server syncs always: %v, every %v, want %v, %v", name, got.SyncAlways, got.SyncInterval, tc.always, tc.interval)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		cfg                        Config
		payload, connections       int
		memory, storeMin, storeMax int64
	}{
		"defaults, memory": {Config{}, 1 << 20, 10_000, 256 << 20, 0, 0},
		"defaults, Dir":    {Config{Dir: filepath.Join(dir, "a")}, 1 << 20, 10_000, 256 << 20, 1, 10 << 30},
		"all set": {
			Config{Dir: filepath.Join(dir, "b"), MaxPayload: 64 << 20, MaxConnections: 7, MaxMemory: 1 << 20, MaxStore: 2 << 20},
			64 << 20, 7, 1 << 20, 2 << 20, 2 << 20,
		},
	} {
		s := run(t, tc.cfg)
		v, err := s.ns.Varz(nil)
		if err != nil {
			t.Fatalf("Varz() = %v, want nil", err)
		}
		if v.MaxPayload != tc.payload || v.MaxConn != tc.connections {
			t.Errorf("%s: the server takes %d bytes and %d connections, want %d and %d", name, v.MaxPayload, v.MaxConn, tc.payload, tc.connections)
		}
		js := v.JetStream.Config
		if js.MaxMemory != tc.memory || js.MaxStore < tc.storeMin || js.MaxStore > tc.storeMax {
			t.Errorf("%s: JetStream takes %d and %d bytes, want %d and %d to %d", name, js.MaxMemory, js.MaxStore, tc.memory, tc.storeMin, tc.storeMax)
		}
		if got := v.JetStream.Limits.DefaultMaxConsumers; got != maxConsumers {
			t.Errorf("%s: %d consumers a stream, want %d", name, got, maxConsumers)
		}
	}
}

// What is there already does not count against the free space of the disk.
func TestStoreLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "stored"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := usedSpace(dir); got != 1<<20 {
		t.Errorf("usedSpace() = %d, want %d", got, 1<<20)
	}
	free, known := freeSpace(dir)
	if known && free <= 0 {
		t.Errorf("freeSpace() = %d, want more", free)
	}
	for _, tc := range []struct {
		s          store
		configured int64
		want       int64
	}{
		{store{dir: dir}, 5, 0},
		{store{dir: dir, kept: true}, 5, 5},
	} {
		if got := tc.s.limit(tc.configured); got != tc.want {
			t.Errorf("%+v.limit(%d) = %d, want %d", tc.s, tc.configured, got, tc.want)
		}
	}
}

func TestNoJetStream(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{NoJetStream: true}, {NoJetStream: true, Namespaces: []Namespace{{Name: "a"}}}} {
		s := run(t, cfg)
		namespace := ""
		if len(cfg.Namespaces) > 0 {
			namespace = "a"
		}
		nc := dialLocal(t, s, namespace)
		pass(t, nc, nc)
		if s.store != nil || s.ns.JetStreamEnabled() {
			t.Errorf("Start(%+v) has JetStream, want none", cfg)
		}
	}
}
