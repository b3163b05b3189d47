package nats

import (
	"strings"
	"testing"
)

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list  string
		shown string // empty: refused
		n     int
	}{
		{"nats://host", "nats://host", 1},
		{"host", "nats://host", 1},
		{"host:4222", "nats://host:4222", 1},
		{" nats://a:1 , ,tls://b:2,", "nats://a:1, tls://b:2", 2},
		{"nats://user:word@a:1,nats://token@b", "nats://a:1, nats://b", 2},
		{"user:word@a:1,b", "nats://a:1, nats://b", 2},
		{"ws://host/path?q=secret", "ws://host", 1},
		{"nats://[::1]:4222", "nats://[::1]:4222", 1},
		{"a,nats://user:word@b", "..., nats://b", 2},
		{"a,user:word@b", "", 0},
		{"", "", 0},
		{",", "", 0},
		{"nats://", "", 0},
		{"nats://host:0", "", 0},
		{"nats://host:port", "", 0},
		{"amqp://host", "", 0},
		{"nats://a:12,34@b", "", 0},
		{"nats://user:12/34@b", "", 0},
	} {
		a, err := parseAddresses(tt.list)
		if a.shown != tt.shown || len(a.urls) != tt.n || (err == nil) != (tt.shown != "") {
			t.Errorf("parseAddresses(%q) = %q, %d addresses, %v, want %q, %d", tt.list, a.shown, len(a.urls), err, tt.shown, tt.n)
		}
	}
}

// FuzzAddresses looks for a password of which anything shows.
func FuzzAddresses(f *testing.F) {
	for _, p := range []string{"", "/", "?", "#", ",", "@", ":", "%", "://", " ", "12/", "12,", "1@h,", "]", "[", "\x00", "%zz", "a,nats://"} {
		f.Add(p, p)
		f.Add("12", p)
		f.Add(p, "@")
	}
	const secret = "canary7canary"
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, list := range []string{
			"nats://joe:" + before + secret + after + "@host:4222",
			"nats://" + before + secret + after + "@host:4222,nats://other",
			"other,joe:" + before + secret + after + "@host",
		} {
			a, err := parseAddresses(list)
			if strings.Contains(a.shown, secret) {
				t.Errorf("parseAddresses(%q) shows %q", list, a.shown)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("parseAddresses(%q) fails with %q", list, err)
			}
		}
	})
}
