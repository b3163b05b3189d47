package loopback_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

func ExampleNew() {
	broker := loopback.New(loopback.MaxPayload(64 << 10))
	defer broker.Close()

	conn, err := broker.Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conn.Features().Transport, conn.Features().MaxPayload)
	// Output: loopback 65536
}

func ExampleBroker_Connect() {
	ctx := context.Background()
	broker := loopback.New()
	defer broker.Close()

	worker, err := broker.Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = worker.Subscribe("greet.*", "workers", func(m *transport.Message) {
		answer := transport.Message{Subject: m.Reply, Data: fmt.Appendf(nil, "hello, %s", m.Data)}
		if err := worker.Publish(ctx, &answer); err != nil {
			fmt.Println(err)
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	caller, err := broker.Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := make(chan string)
	_, err = caller.Subscribe("answers", "", func(m *transport.Message) {
		if m.Status == transport.NoResponders {
			answers <- "nobody there"
			return
		}
		answers <- string(m.Data)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, subject := range []string{"greet.en", "scold.en"} {
		err = caller.Publish(ctx, &transport.Message{Subject: subject, Reply: "answers", Data: []byte("gopher")})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(<-answers)
	}
	// Output:
	// hello, gopher
	// nobody there
}
