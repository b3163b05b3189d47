package main

import (
	"context"
	"time"

	"github.com/atasks-io/atasks/embedded"
)

// newServer is the server process. It says its URL.
func newServer() (*member, error) {
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	return &member{
		says:  srv.URL(),
		verbs: map[string]verb{},
		close: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return srv.Shutdown(ctx)
		},
	}, nil
}
