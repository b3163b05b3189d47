package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/examples/internal/hosts"
)

// TestMain makes the test binary the program's hosts, too: run starts its own
// executable again.
func TestMain(m *testing.M) {
	if hosts.IsHost() {
		if err := start(nil); err != nil {
			fmt.Fprintln(os.Stderr, "cart:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestCart: a host dies with carts in hand, nothing is lost, and who forgot to
// pay is reminded once.
func TestCart(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), options{customers: 40, hosts: 3, patience: 4 * time.Second}, &out); err != nil {
		t.Fatalf("run() = %v\n%s", err, out.String())
	}
	for _, want := range []string{
		`40 customers filled carts on 3 hosts within .*; host \w+ was killed when there were [1-9]\d*\n`,
		`40 carts hold [1-9]\d* things, all that was chosen; 20 were paid for; 20 customers were reminded, once each\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the program said %q, want %q in it", out.String(), want)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-hosts", "1"}, {"-customers", "0"}, {"extra"}, {"-nothing"}} {
		if err := start(args); err == nil {
			t.Errorf("start(%q) = nil, want an error", args)
		}
	}
}
