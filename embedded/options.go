package embedded

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// routeUser is the user as whom members of a cluster log in to each other.
	routeUser = "member"

	// maxConsumers is how many consumers a stream may have where neither the
	// stream nor its account says. The server's own default of 1,000 is soon
	// used up: each watch of a key-value bucket is a consumer.
	maxConsumers = 10_000

	// pingsOut is how many pings a client may owe an answer to. One more and
	// it is cut off.
	pingsOut = 2

	// writeDeadline is how long a client may leave its socket full before it
	// is cut off, so that a slow one does not hold the server's memory.
	writeDeadline = 5 * time.Second

	// handshakeTimeout is how long a client may take for TLS and again for its
	// login. The server's own defaults of 2 s are too short for a machine that
	// has just started everything at once.
	handshakeTimeout = 5 * time.Second
)

// login is what a connection of this process shows the server.
type login struct{ user, password string }

// options returns what the server takes, and the logins of this process's own
// connections by namespace, under "" when there are no namespaces. st is where
// JetStream stores; nil when there is no JetStream.
func (s *setup) options(st *store) (*server.Options, map[string]login, error) {
	o := &server.Options{
		ServerName:    s.Name,
		NoSigs:        true, // signals belong to the program
		DontListen:    s.clients == nil,
		MaxConn:       s.MaxConnections,
		MaxPayload:    int32(s.MaxPayload),
		PingInterval:  s.PingInterval,
		MaxPingsOut:   pingsOut,
		WriteDeadline: writeDeadline,
		AuthTimeout:   handshakeTimeout.Seconds(),
		TLSTimeout:    handshakeTimeout.Seconds(),
		TLSConfig:     s.TLS,
	}
	if s.clients != nil {
		o.Host, o.Port = s.clients.host, s.clients.serverPort()
	}
	if s.members != nil {
		o.Routes = s.routes
		o.Cluster = server.ClusterOpts{
			Name:        s.Cluster.Name,
			Host:        s.members.host,
			Port:        s.members.serverPort(),
			TLSConfig:   s.Cluster.TLS,
			TLSTimeout:  handshakeTimeout.Seconds(),
			AuthTimeout: handshakeTimeout.Seconds(),

			PingInterval: s.PingInterval,
			MaxPingsOut:  pingsOut,
		}
		if s.Cluster.Secret != "" {
			o.Cluster.Username, o.Cluster.Password = routeUser, s.Cluster.Secret
		}
	}
	if st != nil {
		o.StoreDir = st.dir
		o.SyncAlways = st.kept && s.SyncInterval == 0
		o.SyncInterval = s.SyncInterval
		o.DisableJetStreamBanner = true
		o.JetStreamLimits.DefaultMaxConsumers = maxConsumers
	}
	if err := s.configure(o, st); err != nil {
		return nil, nil, err
	}
	return o, s.users(o), nil
}

// configure sets what the server lets a program set only by a configuration
// text: that its file store is to hold nothing, and the JetStream limits of an
// account. Limits set after the start would come after the recovery of the
// streams that they are for.
func (s *setup) configure(o *server.Options, st *store) error {
	text := map[string]any{}
	accounts := map[string]any{}
	for _, n := range s.Namespaces {
		accounts[n.Name] = map[string]any{}
	}
	if st != nil {
		maxStore := st.limit(s.MaxStore)
		text["jetstream"] = map[string]any{"max_mem": s.MaxMemory, "max_file": maxStore}
		shares, err := s.shares(maxStore)
		if err != nil {
			return err
		}
		for name, l := range shares {
			accounts[name] = map[string]any{"jetstream": map[string]any{"max_mem": l.memory, "max_file": l.store}}
		}
	}
	if len(accounts) > 0 {
		text["accounts"] = accounts
	}
	if len(text) == 0 {
		return nil // the server refuses an empty text
	}
	b, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return o.ProcessConfigString(string(b))
}

// users sets who may log in, and returns the logins of this process, whose
// passwords are random: the ones in Config may be hashes.
func (s *setup) users(o *server.Options) map[string]login {
	if s.Auth == (Auth{}) && len(s.Namespaces) == 0 {
		return map[string]login{"": {}}
	}
	own := map[string]login{}
	add := func(namespace string, account *server.Account) {
		l := login{user: "local-" + rand.Text(), password: rand.Text()}
		o.Users = append(o.Users, &server.User{Username: l.user, Password: l.password, Account: account})
		own[namespace] = l
	}
	if len(s.Namespaces) == 0 {
		add("", nil)
		o.Authorization = s.Auth.Token
		if s.Auth.User != "" {
			o.Users = append(o.Users, &server.User{Username: s.Auth.User, Password: s.Auth.Password})
		}
		return own
	}
	accounts := map[string]*server.Account{}
	for _, a := range o.Accounts {
		accounts[a.Name] = a
	}
	for _, n := range s.Namespaces {
		add(n.Name, accounts[n.Name])
		if n.Password != "" {
			o.Users = append(o.Users, &server.User{Username: n.User, Password: n.Password, Account: accounts[n.Name]})
		}
	}
	return own
}

// share is how many bytes a namespace may store.
type share struct{ memory, store int64 }

// shares divides what JetStream may store among the namespaces. maxStore is 0
// when nothing is stored on disk.
func (s *setup) shares(maxStore int64) (map[string]share, error) {
	members := int64(max(1, len(s.routes))) // an account's limit counts what all members store for it
	memory, err := divide("MaxMemory", s.MaxMemory*members, s.Namespaces, func(n Namespace) int64 { return n.MaxMemory })
	if err != nil {
		return nil, err
	}
	all := make(map[string]share, len(s.Namespaces))
	for i, n := range s.Namespaces {
		all[n.Name] = share{memory: memory[i]}
	}
	if maxStore == 0 {
		return all, nil
	}
	store, err := divide("MaxStore", maxStore*members, s.Namespaces, func(n Namespace) int64 { return n.MaxStore })
	if err != nil {
		return nil, err
	}
	for i, n := range s.Namespaces {
		all[n.Name] = share{memory: memory[i], store: store[i]}
	}
	return all, nil
}

// divide gives each namespace what it claims of total, and what nobody claims
// in equal shares to those that claim nothing.
func divide(field string, total int64, all []Namespace, claim func(Namespace) int64) ([]int64, error) {
	left, without := total, int64(0)
	for _, n := range all {
		if claim(n) > left {
			return nil, fmt.Errorf("Config.Namespaces: what they claim as %s is more than Config.%s, which is %d bytes", field, field, total)
		}
		left -= claim(n)
		if claim(n) == 0 {
			without++
		}
	}
	if without > 0 && left < without {
		return nil, fmt.Errorf("Config.Namespaces: what they claim as %s leaves nothing of Config.%s, which is %d bytes, for those that claim none", field, field, total)
	}
	parts := make([]int64, len(all))
	for i, n := range all {
		if parts[i] = claim(n); parts[i] == 0 {
			parts[i] = left / without
		}
	}
	return parts, nil
}
