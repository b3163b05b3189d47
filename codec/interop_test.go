package codec_test

import (
	"bufio"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/codec"
)

// lines returns what follows "name: " in the lines of a file of testdata.
func lines(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(map[string]string)
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, rest, ok := strings.Cut(s.Text(), ": "); ok && !strings.HasPrefix(name, "#") {
			all[name] = rest
		}
	}
	return all
}

// Bodies of other implementations decode into what they mean.
func TestInterop(t *testing.T) {
	t.Parallel()
	type order struct {
		ID     string   `json:"id"`
		Amount uint32   `json:"amount"`
		Rate   float64  `json:"rate"`
		Rush   bool     `json:"rush"`
		Tags   []string `json:"tags"`
		Note   *string  `json:"note"`
	}
	type binary struct {
		B []byte `json:"b"`
	}
	type text struct {
		S string `json:"s"`
	}
	type instant struct {
		T time.Time `json:"t"`
	}
	o := order{"o-1", 125000, 0.075, true, []string{"new", "web"}, nil}
	o32 := o
	o32.Rate = float64(float32(o.Rate))
	want := map[string]any{
		"python order":              o,
		"python order with float32": o32,
		"python integers": []any{
			int64(0), int64(127), int64(128), int64(255), int64(256), int64(65535), int64(65536), int64(1<<32 - 1), int64(1 << 32), int64(math.MaxInt64),
			uint64(1 << 63), uint64(math.MaxUint64), int64(-1), int64(-32), int64(-33), int64(-128), int64(-129), int64(-32768), int64(-32769),
			int64(math.MinInt32), int64(math.MinInt32 - 1), int64(math.MinInt64),
		},
		"python bytes":           binary{[]byte{0, 255}},
		"python raw without bin": binary{[]byte("abc")},
		"python long text":       text{strings.Repeat("x", 40)},
		"python integer keys":    map[int16]string{1: "a", 300: "b", -5: "c"},
		"python timestamp":       instant{time.Unix(1700000000, 123456789).UTC()},
		"python old timestamp":   instant{},
		"python datetime":        instant{time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)},
		"js order":               o,
		"js integers":            []any{int64(0), int64(1 << 53), int64(-1 << 53), float64(1 << 63)},
		"js integral floats":     []int16{5, -300},
		"js numeric keys":        map[int16]string{1: "a", 300: "b"},
		"js Uint8Array":          binary{[]byte{0, 255}},
		"js Date":                instant{time.Unix(1700000000, 123000000).UTC()},
		"js list for bytes":      []byte{1, 255, 0},
	}
	got := lines(t, "testdata/interop.txt")
	for name, body := range got {
		if want[name] == nil {
			t.Errorf("testdata/interop.txt has %q, which is not tested", name)
			continue
		}
		v := reflect.New(reflect.TypeOf(want[name]))
		if err := codec.Msgpack.Unmarshal(unhex(t, body), v.Interface()); err != nil || !reflect.DeepEqual(v.Elem().Interface(), want[name]) {
			t.Errorf("%s: Unmarshal(%s) = %+v, %v, want %+v", name, body, v.Elem(), err, want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("testdata/interop.txt has %d bodies, want %d", len(got), len(want))
	}
}
