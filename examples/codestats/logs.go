package main

import (
	"io"
	"log/slog"
)

// logs is where the program and its workers log, and how much.
type logs struct {
	stderr  io.Writer
	verbose bool
}

// logger logs what went wrong in spite of everything, and with -v what goes on.
func (l logs) logger() *slog.Logger {
	level := slog.LevelError
	if l.verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(l.stderr, &slog.HandlerOptions{Level: level}))
}
