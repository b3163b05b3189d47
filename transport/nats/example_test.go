package nats_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// startExample runs a server for the examples. Programs connect to one that is
// there already.
func startExample() (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, Username: "gopher", Password: "p@ss", NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, fmt.Errorf("the server is not ready")
	}
	return s, nil
}

func ExampleConnect() {
	srv, err := startExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	url := fmt.Sprintf("nats://gopher:p%%40ss@%s", srv.Addr()) // an @ in a password is written %40
	conn, err := atnats.Connect(ctx, url, atnats.Name("greeter"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	received := make(chan string)
	_, err = conn.Subscribe("greet.*", "", func(m *transport.Message) {
		received <- fmt.Sprintf("%s: %s", m.Subject, m.Data)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := conn.Publish(ctx, &transport.Message{Subject: "greet.en", Data: []byte("hello")}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-received)
	// Output: greet.en: hello
}

func ExampleUse() {
	srv, err := startExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown()

	// A program that has a connection keeps it.
	nc, err := nats.Connect(srv.ClientURL(), nats.UserInfo("gopher", "p@ss"), nats.MaxReconnects(-1), nats.PingInterval(4*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()

	conn, err := atnats.Use(nc)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := conn.Close(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("still connected:", nc.IsConnected())
	// Output: still connected: true
}
