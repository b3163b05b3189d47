package wire

import (
	"hash/fnv"
	"strconv"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	for key, token := range map[string]string{
		"user-42": "user-42",
		"a.b":     "=YS5i",
		"=YS5i":   "=PVlTNWk",
		"ü > *":   "=w7wgPiAq",
		" ":       "=IA",
	} {
		if got := string(AppendKey(nil, key)); got != token {
			t.Errorf("AppendKey(%q) = %q, want %q", key, got, token)
		}
		if got, ok := ParseKey(token); !ok || got != key {
			t.Errorf("ParseKey(%q) = %q, %v, want %q", token, got, ok, key)
		}
	}
	for _, token := range []string{"", "=", "=YWI", "=YS5", "=YS5i=", "a b", "a.b", "=/w", "=_w", strings.Repeat("a", 256)} {
		if key, ok := ParseKey(token); ok {
			t.Errorf("ParseKey(%q) = %q, want none", token, key)
		}
	}
	for _, key := range []string{"", "\xff", strings.Repeat("k", 256)} {
		if CheckKey(key) == nil {
			t.Errorf("CheckKey(%.10q) passes", key)
		}
	}
}

func TestAskSubjects(t *testing.T) {
	subject := AskSubject("ns", "n1", "shop.cart", "add", "a.b")
	if want := "at.ns.node.n1.ask.=YS5i.add.shop.cart"; subject != want {
		t.Fatalf("AskSubject = %q, want %q", subject, want)
	}
	verb, _, _ := ParseNodeSubject(subject)
	if kind, method, key, found, ok := ParseAsk(verb); kind != "shop.cart" || method != "add" || key != "a.b" || !found || !ok {
		t.Errorf("ParseAsk(%q) = %q, %q, %q, %v, %v", verb, kind, method, key, found, ok)
	}
	if _, _, _, found, _ := ParseAsk("ping"); found {
		t.Error("ping is an ask")
	}
	for _, verb := range []string{"ask.", "ask.k", "ask.k.m", "ask.k.m.", "ask.=.m.kind", "ask.k..kind", "ask.k.m.a b"} {
		if _, _, _, found, ok := ParseAsk(verb); !found || ok {
			t.Errorf("ParseAsk(%q): found %v, ok %v, want an ask that is wrong", verb, found, ok)
		}
	}
	longest := strings.Repeat("n", MaxToken)
	name := strings.Repeat("k", MaxName)
	if n := len(AskSubject(longest, longest, name, longest, strings.Repeat(".", MaxKey))); n > 1024 {
		t.Errorf("the longest ask has a subject of %d bytes", n)
	}
}

func TestChains(t *testing.T) {
	chain := AppendLink(AppendLink("", "cart", "42"), "stock", "a.b")
	if chain != "cart/42 stock/=YS5i" {
		t.Fatalf("chain %q", chain)
	}
	if from, ok := ChainFrom(chain, "stock", "a.b"); !ok || from != "stock/=YS5i" {
		t.Errorf("ChainFrom stock = %q, %v", from, ok)
	}
	if from, ok := ChainFrom(chain, "cart", "42"); !ok || from != chain {
		t.Errorf("ChainFrom cart = %q, %v", from, ok)
	}
	for _, absent := range [][2]string{{"cart", "4"}, {"art", "42"}, {"stock", "=YS5i"}} {
		if _, ok := ChainFrom(chain, absent[0], absent[1]); ok {
			t.Errorf("%v is in the chain", absent)
		}
	}
	if got, want := ShowChain(chain), `cart "42" -> stock "a.b"`; got != want {
		t.Errorf("ShowChain = %s, want %s", got, want)
	}
}

// TestPlacement holds the seed to FNV as the standard library has it, and
// shows that hosts share keys evenly and that a new one takes only its own.
func TestPlacement(t *testing.T) {
	h := fnv.New64a()
	h.Write([]byte("n1\x00cart\x00"))
	if got := HostSeed("n1", "cart"); got != h.Sum64() {
		t.Errorf("HostSeed = %x, want %x", got, h.Sum64())
	}
	owner := func(hosts int, key string) (best int) {
		var top uint64
		for i := range hosts {
			if s := Score(HostSeed("node"+strconv.Itoa(i), "cart"), key); s > top {
				best, top = i, s
			}
		}
		return best
	}
	const keys = 10_000
	count := make([]int, 4)
	for k := range keys {
		key := strconv.Itoa(k)
		before, after := owner(3, key), owner(4, key)
		count[after]++
		if before != after && after != 3 {
			t.Fatalf("key %s went from host %d to %d, not to the new one", key, before, after)
		}
	}
	for i, c := range count {
		if c < keys/4*9/10 || c > keys/4*11/10 {
			t.Errorf("host %d owns %d of %d keys", i, c, keys)
		}
	}
}
