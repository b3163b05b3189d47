package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// roles are the users of docs/security.md.
var roles = []string{"web", "jobs", "app", "ops", "tool"}

// admin is a user that the tests add: it may do everything.
const admin = "admin"

func password(user string) string { return "secret-of-" + user }

// documented returns the server configuration in docs/security.md.
func documented(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```\nauthorization {")
	config, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/security.md holds no configuration")
	}
	if strings.Contains(config, "allow_responses") {
		t.Error("the permissions in docs/security.md hold allow_responses, which overrides what is denied")
	}
	return "authorization {" + config
}

// guarded is a server with the documented permissions.
type guarded struct{ *server.Server }

// startGuarded starts a server from the documentation; change may alter what
// was read.
func startGuarded(t *testing.T, change func(*server.Options)) guarded {
	t.Helper()
	var config strings.Builder
	for _, role := range roles {
		fmt.Fprintf(&config, "%s_PASSWORD: %q\n", strings.ToUpper(role), password(role))
	}
	config.WriteString(documented(t))
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()}
	if err := opts.ProcessConfigString(config.String()); err != nil {
		t.Fatalf("the configuration in docs/security.md: %v", err)
	}
	opts.Users = append(opts.Users, &server.User{Username: admin, Password: password(admin)})
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return guarded{s}
}

// connect connects a plain client as a user, whose errors are its last error.
func (s guarded) connect(t *testing.T, user string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, password(user)), nats.CustomInboxPrefix("_INBOX."+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// refused does something and says whether the server has refused it.
func refused(t *testing.T, nc *nats.Conn, do func() error) bool {
	t.Helper()
	before := nc.LastError()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	after := nc.LastError()
	return after != nil && after != before //nolint:errorlint // each refusal is a value of its own
}

// TestPermissions checks every role of docs/security.md against everything
// that one could wish to do. Whoever is not named must be refused.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	all := s.connect(t, admin)
	arrived, err := all.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		nc := s.connect(t, role)
		for _, c := range mayPublish() {
			may := slices.Contains(strings.Fields(c.who), role)
			no := refused(t, nc, func() error { return nc.Publish(c.subject, []byte("x")) })
			if no == may {
				t.Errorf("%s publishes to %s (%s): refused %v, want %v", role, c.subject, c.what, no, !may)
			}
			if err := all.Publish("the.end", nil); err != nil {
				t.Fatal(err)
			}
			came := false
			for {
				m, err := arrived.NextMsg(10 * time.Second)
				if err != nil {
					t.Fatal(err)
				}
				if m.Subject == "the.end" {
					break
				}
				came = came || m.Subject == c.subject
			}
			if came != may {
				t.Errorf("%s publishes to %s (%s): it arrives %v, want %v", role, c.subject, c.what, came, may)
			}
		}
		for _, c := range maySubscribe() {
			may := slices.Contains(strings.Fields(c.who), role)
			subject, group, _ := strings.Cut(c.subject, " ")
			var sub *nats.Subscription
			no := refused(t, nc, func() (err error) {
				sub, err = nc.QueueSubscribeSync(subject, group)
				return err
			})
			if no == may {
				t.Errorf("%s subscribes to %q (%s): refused %v, want %v", role, c.subject, c.what, no, !may)
			}
			_ = sub.Unsubscribe() // fails when the server has refused it
		}
	}
}

// wish is something that one could wish to do, and the roles that may.
type wish struct{ what, subject, who string }

func mayPublish() []wish {
	const call = ".N1.1_1.-.0"
	return []wish{
		{"call a task", "at.shop.task.pay", "web app tool"},
		{"call a task by a node's name", "at.shop.node.N1.task.pay", "web app"},
		{"call a task of all nodes", "at.shop.node.all.task.pay", "web app"}, // which nodes drop
		{"ask an entity", "at.shop.node.N1.ask.k.add.cart", "web app"},
		{"say what one hosts, or ask for it", "at.shop.node.all.present", "web jobs app"},
		{"say to one node what one hosts", "at.shop.node.N1.present", ""},
		{"have an entity let go of", "at.shop.node.N1.release", "jobs app"},
		{"ping a node", "at.shop.node.N1.ping", "web jobs app ops"},
		{"ping all nodes", "at.shop.node.all.ping", "web jobs app ops"},
		{"cancel", "at.shop.node.N1.cancel", "web app ops"},
		{"ask what is awaited", "at.shop.node.N1.awaits", "jobs app"},
		{"info of a node", "at.shop.node.N1.info", "ops"},
		{"info of all nodes", "at.shop.node.all.info", "web app ops"},
		{"ps of a node", "at.shop.node.N1.ps", "ops"},
		{"ps of all nodes", "at.shop.node.all.ps", "ops"},
		{"stack of a node", "at.shop.node.N1.stack", "ops"},
		{"drain a node", "at.shop.node.N1.drain", "ops"},
		{"a verb to come", "at.shop.node.N1.later", ""},
		{"answer web", "at.shop.reply.web" + call + ".ok", "web jobs app"},
		{"accept a call of web", "at.shop.reply.web" + call + ".acc", "web jobs app"},
		{"answer app", "at.shop.reply.app" + call + ".err", "web jobs app"},
		{"answer jobs", "at.shop.reply.jobs" + call + ".ok", "web jobs app"},
		{"answer ops", "at.shop.reply.ops" + call + ".ok", "web jobs app ops"},
		{"answer another group", "at.shop.reply.other" + call + ".ok", ""},
		{"answer a client", "_INBOX.tool.1", "jobs app"},
		{"answer another client", "_INBOX.someone.1", "jobs app"},
		{"answer an operator", "_INBOX.ops.1", "web jobs app"},
		{"answer through an import", "_R_.x", ""},
		{"discover services", "$SRV.PING", "ops"},
		{"delete a stream", "$JS.API.STREAM.DELETE.ORDERS", ""},
		{"make a consumer", "$JS.API.CONSUMER.CREATE.ORDERS", ""},
		{"acknowledge for another", "$JS.ACK.ORDERS.C.1.1.1.1.0", ""},
		{"write a key", "$KV.bucket.key", ""},
		{"write a record", "$KV.at-shop.n.1", "jobs app"},
		{"set a schedule", "at-schedule.at-shop.n.1.x", "jobs app"},
		{"set a schedule of another store", "at-schedule.other.n.1.x", ""},
		{"look at the store", "$JS.API.STREAM.INFO.KV_at-shop", "jobs app"},
		{"read a record", "$JS.API.STREAM.MSG.GET.KV_at-shop", "jobs app"},
		{"read a record from a copy", "$JS.API.DIRECT.GET.KV_at-shop.$KV.at-shop.n.1", ""},
		{"make the store", "$JS.API.STREAM.CREATE.KV_at-shop", ""},
		{"change the store", "$JS.API.STREAM.UPDATE.KV_at-shop", ""},
		{"delete the store", "$JS.API.STREAM.DELETE.KV_at-shop", ""},
		{"empty the store", "$JS.API.STREAM.PURGE.KV_at-shop", ""},
		{"delete a record's message", "$JS.API.STREAM.MSG.DELETE.KV_at-shop", ""},
		{"have the store delivered", "$JS.API.CONSUMER.CREATE.KV_at-shop.c.$KV.at-shop.n.1", ""},
		{"read another store", "$JS.API.STREAM.MSG.GET.KV_other", ""},
		{"list the streams", "$JS.API.STREAM.NAMES", ""},
		{"tell of a change", "at-store.at-shop.n.1", ""},
		{"ask the system", "$SYS.REQ.SERVER.PING", ""},
		{"publish events", "at.shop.event.N1", "jobs app"},
		{"entities of all nodes", "at.shop.node.all.entities", "ops"},
		{"schema of a task", "at.shop.node.N1.schema", "ops"},
		{"watch all nodes", "at.shop.node.all.watch", "ops"},
		{"call in another namespace", "at.other.task.pay", ""},
		{"answer in another namespace", "at.other.reply.web" + call + ".ok", ""},
		{"drain in another namespace", "at.other.node.N1.drain", ""},
		{"publish anything", "orders.new", ""},
	}
}

func maySubscribe() []wish {
	return []wish{
		{"replies of web", "at.shop.reply.web.>", "web"},
		{"replies of a node of web", "at.shop.reply.web.N1.>", "web"},
		{"replies of jobs", "at.shop.reply.jobs.>", "jobs"},
		{"replies of app", "at.shop.reply.app.>", "app"},
		{"replies of ops", "at.shop.reply.ops.>", "ops"},
		{"replies of all", "at.shop.reply.>", ""},
		{"replies of all groups", "at.shop.reply.*.>", ""},
		{"serve a task", "at.shop.task.pay at", "jobs app"},
		{"serve all tasks", "at.shop.task.> at", "jobs app"},
		{"listen in on a task", "at.shop.task.pay", ""},
		{"listen in on all tasks", "at.shop.task.>", ""},
		{"a queue group of one's own", "at.shop.task.pay spy", ""},
		{"a node", "at.shop.node.N1.>", "web jobs app ops"},
		{"all nodes", "at.shop.node.all.>", "web jobs app ops"},
		{"every node", "at.shop.node.*.>", "web jobs app ops"},
		{"calls by a node's name", "at.shop.node.N1.task.>", "jobs app"},
		{"calls by any node's name", "at.shop.node.*.task.>", "jobs app"},
		{"messages to entities of a node", "at.shop.node.N1.ask.>", "jobs app"},
		{"messages to entities of any node", "at.shop.node.*.ask.>", "jobs app"},
		{"events of all nodes", "at.shop.event.*", "ops"},
		{"an operator's answers", "_INBOX.ops.>", "ops"},
		{"a client's answers", "_INBOX.tool.>", "tool"},
		{"all clients' answers", "_INBOX.>", ""},
		{"discovery", "$SRV.PING", "web jobs app ops"},
		{"discovery of the namespace", "$SRV.INFO.atasks-shop", "web jobs app ops"},
		{"discovery of another namespace", "$SRV.INFO.atasks-other", ""},
		{"all discovery", "$SRV.>", ""},
		{"the namespace", "at.shop.>", ""},
		{"all namespaces", "at.>", ""},
		{"tasks of another namespace", "at.other.task.pay at", ""},
		{"replies in another namespace", "at.other.reply.web.>", ""},
		{"nodes of another namespace", "at.other.node.*.>", ""},
		{"the system", "$SYS.>", ""},
		{"JetStream", "$JS.>", ""},
		{"keys", "$KV.>", ""},
		{"writes to the store", "$KV.at-shop.>", ""},
		{"changes of the store", "at-store.at-shop.>", "jobs app"},
		{"changes of some records", "at-store.at-shop.n.>", "jobs app"},
		{"changes of another store", "at-store.other.>", ""},
		{"changes of all stores", "at-store.>", ""},
		{"the store's answers to jobs", "_INBOX.jobs.>", "jobs"},
		{"the store's answers to app", "_INBOX.app.>", "app"},
		{"everything", ">", ""},
		{"everything in the group", "> at", ""},
	}
}

// TestCallsByNameStayUnseen: what is denied is left out of a subscription that
// is wider.
func TestCallsByNameStayUnseen(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	all := s.connect(t, admin)
	for role, sees := range map[string]bool{"web": false, "ops": false, "jobs": true, "app": true} {
		for _, pattern := range []string{"at.shop.node.*.>", "at.shop.node.N1.>", "at.shop.node.N1.*.*"} {
			nc := s.connect(t, role)
			sub, err := nc.SubscribeSync(pattern)
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			for _, subject := range []string{"at.shop.node.N1.task.pay", "at.shop.node.N1.x.y"} {
				if err := all.Publish(subject, nil); err != nil {
					t.Fatal(err)
				}
			}
			m, err := sub.NextMsg(10 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Subject == "at.shop.node.N1.task.pay"; got != sees {
				t.Errorf("%s with %q sees %q first, want the call by name: %v", role, pattern, m.Subject, sees)
			}
		}
	}
}

// TestAllowResponsesOverridesDeny is why the documentation warns of
// allow_responses: it lets a worker delete a stream in its caller's name.
func TestAllowResponsesOverridesDeny(t *testing.T) {
	t.Parallel()
	for _, responses := range []bool{false, true} {
		s := startGuarded(t, func(o *server.Options) {
			for _, u := range o.Users {
				if u.Username == "jobs" && responses {
					u.Permissions.Response = &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute}
					u.Permissions.Publish.Deny = []string{"$JS.>"}
				}
			}
		})
		streams, err := s.connect(t, admin).JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := streams.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
			t.Fatal(err)
		}
		worker, caller := s.connect(t, "jobs"), s.connect(t, "web")
		served := make(chan error, 1)
		if _, err := worker.QueueSubscribe("at.shop.task.pay", "at", func(m *nats.Msg) { served <- m.Respond(nil) }); err != nil {
			t.Fatal(err)
		}
		if err := worker.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := caller.PublishRequest("at.shop.task.pay", "$JS.API.STREAM.DELETE.ORDERS", nil); err != nil {
			t.Fatal(err)
		}
		if err := caller.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != nil {
			t.Fatal(err)
		}
		if err := worker.Flush(); err != nil {
			t.Fatal(err)
		}
		gone := false
		for deadline := time.Now().Add(10 * time.Second); !gone && (responses && time.Now().Before(deadline)); {
			_, err := streams.StreamInfo("ORDERS")
			gone = err != nil
		}
		if _, err := streams.StreamInfo("ORDERS"); (err != nil) != responses {
			t.Errorf("allow_responses %v: the stream is there: %v", responses, err)
		}
	}
}
