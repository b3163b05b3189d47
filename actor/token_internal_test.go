package actor

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 4))
	type token struct {
		salt    uint32
		seq     uint64
		attempt int
	}
	tokens := []token{
		{0, 0, 1}, {0, 1, 1}, {math.MaxUint32, math.MaxUint64, math.MaxInt32}, {0xf, 35, 2}, {1 << 31, 36, 10},
	}
	for range 2000 {
		tokens = append(tokens, token{random.Uint32(), random.Uint64() >> random.IntN(64), 1 + random.IntN(20)})
	}
	for _, want := range tokens {
		text := string(appendToken(nil, want.salt, want.seq, want.attempt))
		salt, seq, attempt, ok := parseToken(text)
		if got := (token{salt, seq, attempt}); !ok || got != want {
			t.Errorf("parseToken(%q) = %+v, %v, want %+v", text, got, ok, want)
		}
	}
}

func TestTokenRefusesOthers(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "0", "12345678", "1234567g1", "1234567A1", "12345678A", "12345678 1", "12345678.1",
		"12345678-", "12345678a-", "12345678a--2", "12345678a-+2", "12345678a-2-3", "12345678a-0x2", "12345678a-1_0",
		"12345678a-99999999999", "12345678a-2147483648", "12345678a-é", "\xff2345678a", "12345678a\x00",
		"12345678_1", "１2345678a", strings.Repeat("-", 40),
	} {
		if salt, seq, attempt, ok := parseToken(s); ok {
			t.Errorf("parseToken(%q) = %x, %d, %d, want refused", s, salt, seq, attempt)
		}
	}
}

func TestParseTokenAllocatesNothing(t *testing.T) {
	token := string(appendToken(nil, 7, 123456789, 3))
	if n := testing.AllocsPerRun(100, func() { parseToken(token) }); n != 0 {
		t.Errorf("parseToken(%q) makes %v allocations, want 0", token, n)
	}
}

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"00000000a", "00000000a-2", "ffffffffzzzzzzzzzzzzzzz-2147483647", "0000000", "00000000-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		salt, seq, attempt, ok := parseToken(s)
		if !ok {
			return
		}
		again := string(appendToken(nil, salt, seq, attempt))
		salt2, seq2, attempt2, ok := parseToken(again)
		// Attempt 0 is never sent and stands for no call.
		if attempt > 0 && (!ok || salt2 != salt || seq2 != seq || attempt2 != attempt) {
			t.Errorf("parseToken(%q) = %x, %d, %d, which reads back as %x, %d, %d", s, salt, seq, attempt, salt2, seq2, attempt2)
		}
	})
}
