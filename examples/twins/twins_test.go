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
			fmt.Fprintln(os.Stderr, "twins:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestTwins: a host dies half way, and every twin knows what its readings come
// to, with the storms that they make.
func TestTwins(t *testing.T) {
	t.Parallel()
	readings, err := parseReadings(readingsFile)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), readings, 3, &out); err != nil {
		t.Fatalf("run() = %v\n%s", err, out.String())
	}
	for _, want := range []string{
		`576 readings in .* on 3 hosts; host \w+ was killed half way`,
		`\n +Brocken +96 .* 1\n`,
		`\n +List +96 .* 1\n`,
		`\n +Potsdam +96 .* 0\n`,
		`every twin knows what its readings come to`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the program said\n%swant %q in it", out.String(), want)
		}
	}
}

// TestObserve: a reading counts once and in its turn, and an hour is an hour.
func TestObserve(t *testing.T) {
	t.Parallel()
	var twin Twin
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for n := 1; n <= 6; n++ {
		r := Reading{Number: n, At: at.Add(time.Duration(n) * 15 * time.Minute), Temperature: float64(n), Wind: 5}
		for i := range 2 {
			if taken, err := twin.observe(t.Context(), r); taken != (i == 0) || err != nil {
				t.Fatalf("reading %d, time %d: %v, %v", n, i+1, taken, err)
			}
		}
	}
	if len(twin.Recent) != 4 || twin.Recent[0].Number != 3 {
		t.Errorf("the last hour has %d readings from %d on, want 4 from 3 on", len(twin.Recent), twin.Recent[0].Number)
	}
	if want := (Figures{Count: 6, Min: 1, Max: 6, Sum: 21}); twin.Day != want {
		t.Errorf("the day is %+v, want %+v", twin.Day, want)
	}
	if _, err := twin.observe(t.Context(), Reading{Number: 9}); err == nil {
		t.Error("a reading that skips others was taken")
	}
}

func TestParseReadings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"station,time,t,w\na,yesterday,1,2\n":               "line 2",
		"station,time,t,w\na,2026-11-24T00:00:00Z,warm,2\n": "line 2",
		"station,time,t,w\na,b\n":                           "wrong number of fields",
	} {
		if _, err := parseReadings(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseReadings(%q) = %v, want %q in it", text, err, want)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-hosts", "1"}, {"extra"}, {"-nothing"}} {
		if err := start(args); err == nil {
			t.Errorf("start(%q) = nil, want an error", args)
		}
	}
}
