package embedded_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/atasks-io/atasks/embedded"
	"github.com/atasks-io/atasks/transport"
)

// A server that only this process can reach, and two connections to it.
func ExampleStart() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	srv, err := embedded.Start(embedded.Config{})
	if err != nil {
		log.Fatal(err)
	}
	receiver, err := srv.Connect()
	if err != nil {
		log.Fatal(err)
	}
	sender, err := srv.Connect()
	if err != nil {
		log.Fatal(err)
	}

	got, err := receive(ctx, receiver, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	if err := send(ctx, sender, "greeting", "hello"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)

	receiver.Close()
	sender.Close()
	fmt.Println("stopped:", srv.Shutdown(ctx))
	// Output:
	// hello
	// stopped: <nil>
}

// Two namespaces on one server do not hear each other.
func ExampleServer_ConnectAs() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	srv, err := embedded.Start(embedded.Config{
		Namespaces: []embedded.Namespace{{Name: "sales"}, {Name: "payroll"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Shutdown(ctx)
	for _, name := range []string{"sales", "payroll"} {
		receiver, err := srv.ConnectAs(name)
		if err != nil {
			log.Fatal(err)
		}
		defer receiver.Close()
		got, err := receive(ctx, receiver, "report")
		if err != nil {
			log.Fatal(err)
		}
		for _, from := range []string{"payroll", "sales"} {
			sender, err := srv.ConnectAs(from)
			if err != nil {
				log.Fatal(err)
			}
			if err := send(ctx, sender, "report", "the report of "+from); err != nil {
				log.Fatal(err)
			}
			sender.Close()
		}
		fmt.Println(name, "hears", <-got)
	}
	_, err = srv.Connect()
	fmt.Println(err)
	// Output:
	// sales hears the report of sales
	// payroll hears the report of payroll
	// embedded: connect: of the namespaces "payroll", "sales" none is called "default": use ConnectAs to name one
}

// Three servers that act as one. On three machines each would have the same
// routes, its own name, and a Secret.
func ExampleServer_Ready() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	routes, err := freeAddresses(ctx, 3) // such as one:6222, two:6222, three:6222
	if err != nil {
		log.Fatal(err)
	}
	var members []*embedded.Server
	for i, name := range []string{"one", "two", "three"} {
		srv, err := embedded.Start(embedded.Config{
			Name:    name,
			Listen:  "127.0.0.1:0",
			Cluster: embedded.Cluster{Listen: routes[i], Routes: routes},
		})
		if err != nil {
			log.Fatal(err)
		}
		members = append(members, srv)
	}
	for _, srv := range members {
		if err := srv.Ready(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("the cluster is ready")

	for _, srv := range members {
		if err := srv.Shutdown(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output: the cluster is ready
}

// receive takes over a connection and returns what arrives on a subject.
func receive(ctx context.Context, conn transport.Conn, subject string) (<-chan string, error) {
	if err := conn.Attach(func(transport.Event) {}); err != nil {
		return nil, err
	}
	got := make(chan string, 1)
	handle := func(m *transport.Message) { got <- string(m.Data) }
	if _, err := conn.Subscribe(subject, "", handle); err != nil {
		return nil, err
	}
	return got, conn.Flush(ctx)
}

// send takes over a connection and publishes a text on it.
func send(ctx context.Context, conn transport.Conn, subject, text string) error {
	if err := conn.Attach(func(transport.Event) {}); err != nil {
		return err
	}
	if err := conn.Publish(ctx, &transport.Message{Subject: subject, Data: []byte(text)}); err != nil {
		return err
	}
	return conn.Flush(ctx)
}

// freeAddresses returns addresses at which nobody listens.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
