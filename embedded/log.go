package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"unicode"
)

// maxLogText is how many bytes of one entry are logged: names that clients
// choose are in there.
const maxLogText = 8 << 10

// serverLog takes what the server says, passes it on to a slog.Logger and
// keeps the first fatal word, which is why a start failed: the server returns
// no error.
type serverLog struct {
	to      *slog.Logger
	secrets *strings.Replacer

	mu    sync.Mutex // guards fatal
	fatal string
}

func newServerLog(to *slog.Logger, name string, secrets []string) *serverLog {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	var pairs []string
	for _, s := range secrets {
		// Of a shorter one every second word would be hidden, and with that
		// what the server wanted to say.
		if len(s) >= 4 {
			pairs = append(pairs, s, "[REDACTED]")
		}
	}
	return &serverLog{to: to.With("server", name), secrets: strings.NewReplacer(pairs...)}
}

// debug says whether anybody wants to read what Debugf gets.
func (l *serverLog) debug() bool { return l.to.Enabled(context.Background(), slog.LevelDebug) }

// failure returns the first fatal word, or "".
func (l *serverLog) failure() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *serverLog) Noticef(format string, v ...any) { l.log(slog.LevelInfo, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }

// Tracef is never called: tracing, which shows what clients send, is off.
func (l *serverLog) Tracef(string, ...any) {}

func (l *serverLog) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Plaintext passwords") {
		// The random passwords of this process's own logins always make the
		// server say so.
		level = slog.LevelDebug
	}
	l.log(level, format, v)
}

func (l *serverLog) Fatalf(format string, v ...any) {
	text := l.clean(fmt.Sprintf(format, v...))
	l.mu.Lock()
	if l.fatal == "" {
		l.fatal = text
	}
	l.mu.Unlock()
	l.say(slog.LevelError, text)
}

func (l *serverLog) log(level slog.Level, format string, v []any) {
	if l.to.Enabled(context.Background(), level) {
		l.say(level, l.clean(fmt.Sprintf(format, v...)))
	}
}

// say logs a text. It is no message of ours, so it stands beside one.
func (l *serverLog) say(level slog.Level, text string) {
	l.to.Log(context.Background(), level, "nats server", "said", text)
}

// clean makes text fit to be read: no secrets, nothing that steers a terminal,
// and not longer than anybody reads. Not every handler quotes what it is given.
func (l *serverLog) clean(text string) string {
	text = l.secrets.Replace(strings.TrimSpace(text))
	if len(text) > maxLogText {
		text = strings.ToValidUTF8(text[:maxLogText], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
