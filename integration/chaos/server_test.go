package chaos

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/embedded"
)

// serverRole is a server that keeps records, alone or as one of several.
type serverRole struct {
	Number  int
	Listen  string
	Dir     string
	Cluster string   // where the others connect; empty for one that is alone
	Routes  []string // of all
}

func (s *serverRole) play(ctx context.Context) error {
	srv, err := embedded.Start(embedded.Config{
		Name: fmt.Sprintf("s%d", s.Number), Listen: s.Listen, Dir: s.Dir,
		SyncInterval: time.Minute, // no power is cut here
		Cluster:      embedded.Cluster{Listen: s.Cluster, Routes: s.Routes},
		PingInterval: natsPings, Logger: stderr(),
	})
	if err != nil {
		return err
	}
	fmt.Println(ready + srv.URL())
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = srv.Shutdown(end) // it complains of those that were there, who are the point
	return nil
}

// keeping is a rig whose servers keep records.
type keeping struct {
	*rig
	servers []*process
}

// newKeeping starts n servers.
func newKeeping(t *testing.T, n int) *keeping {
	t.Helper()
	k := &keeping{rig: bareRig(t), servers: make([]*process, n)}
	routes := make([]string, n)
	for i := range routes {
		routes[i] = freeAddress(t)
	}
	errs := make([]error, n)
	var starting sync.WaitGroup
	for i := range k.servers {
		s := &serverRole{Number: i, Listen: freeAddress(t), Dir: filepath.Join(k.dir, fmt.Sprint("server", i))}
		if n > 1 {
			s.Cluster, s.Routes = routes[i], routes
		}
		starting.Go(func() { k.servers[i], errs[i] = launch(role{Name: fmt.Sprint("server-", i), Dir: k.dir, Server: s}) })
	}
	starting.Wait()
	for i, p := range k.servers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		k.rig.started = append(k.rig.started, p)
	}
	return k
}

// urls lead to all servers.
func (k *keeping) urls() string {
	var all []string
	for _, p := range k.servers {
		all = append(all, "nats://"+p.role.Server.Listen)
	}
	return strings.Join(all, ",")
}

// wire makes a link to one of the servers.
func (k *keeping) wire(server int) *link {
	k.t.Helper()
	l, err := newLink("nats://" + k.servers[server].role.Server.Listen)
	if err != nil {
		k.t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.links = append(k.links, l)
	return l
}

// fell kills a server and starts it again after some time. It returns when it
// is ready.
func (k *keeping) fell(server int, after time.Duration) {
	k.t.Helper()
	p := k.servers[server]
	over := k.begun(faultBrokerKill, p.role.Name, time.Now())
	if err := p.kill(); err != nil {
		k.t.Fatal(err)
	}
	lastFor(after)
	again, err := launch(p.role)
	if err != nil {
		k.t.Fatal(err)
	}
	over()
	k.servers[server] = again
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rig.started = append(k.rig.started, again)
}
