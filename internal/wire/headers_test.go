package wire_test

import (
	"strings"
	"testing"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

const (
	metaKeyMost   = 128
	metaValueMost = 8 << 10
)

func TestMetaHeader(t *testing.T) {
	t.Parallel()
	for key, header := range map[string]string{
		"tenant":      "At-Meta-tenant",
		"Tenant":      "At-Meta-Tenant",
		"traceparent": "traceparent",
		"tracestate":  "tracestate",
		"baggage":     "baggage",
		"Traceparent": "At-Meta-Traceparent",
		"Nats-Msg-Id": "At-Meta-Nats-Msg-Id",
		"At-Error":    "At-Meta-At-Error",
	} {
		if got := wire.MetaHeader(key); got != header {
			t.Errorf("MetaHeader(%q) = %q, want %q", key, got, header)
		}
		if got, ok := wire.MetaKey(header); got != key || !ok {
			t.Errorf("MetaKey(%q) = %q, %v, want %q, true", header, got, ok, key)
		}
	}
	for _, header := range []string{
		"", "At-Meta-", "at-meta-tenant", "At-Error", "At-Attempt", "Content-Type", "Nats-Rollup", "Nats-TTL",
		// Each would be a second header for a key that has one.
		"At-Meta-traceparent", "At-Meta-tracestate", "At-Meta-baggage",
	} {
		if key, ok := wire.MetaKey(header); ok {
			t.Errorf("MetaKey(%q) = %q, true, want false", header, key)
		}
	}
}

func TestCheckMeta(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, value string }{
		{"tenant", "acme"},
		{"tenant", ""},
		{"!#$%&'*+-.^_`|~", "x"},
		{"Nats-Rollup", "all"}, // At-Meta-Nats-Rollup means nothing to a broker
		{"tenant", "Käse: 100 %, two words"},
		{"tenant", "\u00a0a\u2028"},
		{strings.Repeat("k", metaKeyMost), strings.Repeat("v", metaValueMost)},
	} {
		if err := wire.CheckMeta(tt.key, tt.value); err != nil {
			t.Errorf("CheckMeta(%q, %q) = %v, want nil", clip(tt.key), clip(tt.value), err)
		}
	}
	for _, key := range []string{
		"", " ", "a b", "a:b", "a\tb", "a\r\nb", "a\x00", "a\x7f", "caf\u00e9", "a\xff", "a\u202eb",
		"a(b)", "a/b", "a;b", "a=b", "a,b", "a@b", `a"b`, `a\b`, "a[b]", "a{b}", "a<b>", "a?b",
		strings.Repeat("k", metaKeyMost+1), strings.Repeat("\x1b", 5000),
	} {
		err := wire.CheckMeta(key, "v")
		checkRefusal(t, "CheckMeta", key, err)
		if err != nil && !strings.Contains(err.Error(), "metadata key") {
			t.Errorf("CheckMeta(%q) = %v, want it to blame the key", clip(key), err)
		}
	}
	for _, value := range []string{
		"a\nb", "a\rb", "a\r\nAt-Error: busy", "a\x00b", "a\xff", " a", "a ", "\ta", "a\t", " ",
		strings.Repeat("v", metaValueMost+1), strings.Repeat("v", 1<<20),
	} {
		checkRefusal(t, "CheckMeta(tenant)", value, wire.CheckMeta("tenant", value))
	}
}

func FuzzCheckMeta(f *testing.F) {
	f.Fuzz(func(t *testing.T, key, value string) {
		if wire.CheckMeta(key, value) != nil {
			return
		}
		if len(key) > metaKeyMost || len(value) > metaValueMost {
			t.Errorf("CheckMeta accepted %d bytes of key and %d of value", len(key), len(value))
		}
		header := wire.MetaHeader(key)
		h, _ := carry(t, transport.Header{header: {value}}, nil)
		if got, ok := wire.MetaKey(header); got != key || !ok {
			t.Errorf("MetaKey(MetaHeader(%q)) = %q, %v, want %q, true", key, got, ok, key)
		}
		if got := h.Get(header); got != value {
			t.Errorf("CheckMeta(%q, %q) = nil, but %q arrives", key, value, got)
		}
		if strings.HasPrefix(header, "Nats-") || header == wire.HeaderError {
			t.Errorf("MetaHeader(%q) = %q, which is not for users", key, header)
		}
	})
}

// FuzzMetaKey looks for two headers that carry the same key, and for one that
// is the runtime's own.
func FuzzMetaKey(f *testing.F) {
	for _, h := range []string{"traceparent", "tracestate", "baggage", "At-Meta-a", "At-Meta-", "At-Meta-traceparent", "at-meta-a", "At-Error", "Content-Type", "Nats-TTL", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, ok := wire.MetaKey(header)
		if !ok {
			return
		}
		if got := wire.MetaHeader(key); got != header || key == "" {
			t.Errorf("MetaKey(%q) = %q, which travels as %q", header, key, got)
		}
		if strings.HasPrefix(header, "Nats-") || strings.HasPrefix(header, "At-") && !strings.HasPrefix(header, "At-Meta-") {
			t.Errorf("MetaKey(%q) = %q, want none: it is not the user's", header, key)
		}
	})
}
