package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/atasks-io/atasks/internal/wire"
)

// setup is a Config that has been checked, with its defaults filled in and its
// texts parsed.
type setup struct {
	Config
	clients *address // nil without a listener
	members *address // nil without a cluster
	routes  []*url.URL
}

// check returns the setup that cfg describes, or all that is wrong with it.
func check(cfg Config) (*setup, error) {
	s := &setup{Config: cfg}
	s.Namespaces = slices.Clone(cfg.Namespaces)
	err := errors.Join(
		s.checkName(),
		s.checkBounds(),
		s.checkAuth(),
		s.checkNamespaces(),
		s.checkTLS(),
		s.checkListen(),
		s.checkCluster(),
	)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *setup) checkName() error {
	if s.Name == "" && s.Cluster.Listen == "" {
		s.Name = "atasks-" + rand.Text()
		return nil
	}
	if s.Name == "" {
		return errors.New("Config.Name is empty: a member of a cluster needs a name that no other has and that it keeps when it is started again")
	}
	return wire.CheckToken("Config.Name", s.Name)
}

// checkBounds checks the fields with a number or a duration.
func (s *setup) checkBounds() error {
	if s.NoJetStream && s.Dir != "" {
		return fmt.Errorf("Config.Dir %q with Config.NoJetStream: nothing would be stored there: drop one of them", s.Dir)
	}
	return errors.Join(
		bound("Config.MaxPayload", &s.MaxPayload, defaultMaxPayload, largestMaxPayload),
		bound("Config.MaxMemory", &s.MaxMemory, defaultMaxMemory, 0),
		bound("Config.MaxStore", &s.MaxStore, 0, 0),
		bound("Config.MaxConnections", &s.MaxConnections, defaultMaxConnections, 0),
		bound("Config.PingInterval", &s.PingInterval, defaultPingInterval, 0),
		bound("Config.SyncInterval", &s.SyncInterval, 0, 0),
	)
}

// bound gives the field its default when it is zero, and reports one that is
// negative or above most; no bound when most is 0.
func bound[N ~int | ~int64](field string, n *N, normal, most N) error {
	switch {
	case *n < 0:
		return fmt.Errorf("%s is %v: want 0 for the default, or more", field, *n)
	case most > 0 && *n > most:
		return fmt.Errorf("%s is %v: want at most %v", field, *n, most)
	case *n == 0:
		*n = normal
	}
	return nil
}

func (s *setup) checkAuth() error {
	a := s.Auth
	switch {
	case a != Auth{} && len(s.Namespaces) > 0:
		return errors.New("Config.Auth with Config.Namespaces: give each namespace its own User and Password instead")
	case a.Token != "" && (a.User != "" || a.Password != ""):
		return errors.New("Config.Auth has a Token beside User and Password: want one of them")
	case (a.User == "") != (a.Password == ""):
		return errors.New("Config.Auth has only one of User and Password: want both")
	}
	return nil
}

func (s *setup) checkNamespaces() error {
	names, users := map[string]string{}, map[string]string{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if err := wire.CheckToken("namespace", n.Name); err != nil {
			return fmt.Errorf("Config.Namespaces: %w", err)
		}
		// On many disks "A" and "a" are one directory.
		if other, taken := names[strings.ToLower(n.Name)]; taken {
			return fmt.Errorf("Config.Namespaces: %q and %q have the same name but for upper and lower case: rename one", other, n.Name)
		}
		names[strings.ToLower(n.Name)] = n.Name
		if n.User != "" && n.Password == "" {
			return fmt.Errorf("Config.Namespaces: %q has a User without a Password: give both, or neither to keep other processes out", n.Name)
		}
		if n.User == "" {
			n.User = n.Name
		}
		if n.Password != "" {
			if other, taken := users[n.User]; taken {
				return fmt.Errorf("Config.Namespaces: %q and %q have the same User %q: a user belongs to one namespace", other, n.Name, n.User)
			}
			users[n.User] = n.Name
		}
		if n.MaxMemory < 0 || n.MaxStore < 0 {
			return fmt.Errorf("Config.Namespaces: %q has a negative MaxMemory or MaxStore: want 0 for an equal share, or more", n.Name)
		}
	}
	return nil
}

func (s *setup) checkListen() error {
	if s.Listen == "" {
		return nil
	}
	a, err := parseAddress("Config.Listen", s.Listen)
	if err != nil {
		return err
	}
	if !a.loopback() && !s.login() && !s.AllowOpen {
		return fmt.Errorf("Config.Listen %q: other machines could reach this server and nobody has to log in: "+
			"set Auth, Namespaces, or TLS that verifies the clients' certificates, or say AllowOpen", s.Listen)
	}
	s.clients = &a
	return nil
}

func (s *setup) checkCluster() error {
	c := &s.Cluster
	if c.Listen == "" {
		if c.Name != "" || len(c.Routes) > 0 || c.Secret != "" || c.TLS != nil {
			return errors.New("Config.Cluster.Listen is empty: a member of a cluster needs an address for the other members")
		}
		return nil
	}
	if c.Name == "" {
		c.Name = defaultCluster
	}
	if err := wire.CheckToken("Config.Cluster.Name", c.Name); err != nil {
		return err
	}
	a, err := parseAddress("Config.Cluster.Listen", c.Listen)
	if err != nil {
		return err
	}
	if s.Listen == "" {
		return errors.New("Config.Listen is empty: a member of a cluster needs an address for clients as well; \"127.0.0.1:0\" will do")
	}
	if c.Secret == "" && c.TLS == nil && !s.AllowOpen && (!a.loopback() || s.login()) {
		return fmt.Errorf("Config.Cluster.Listen %q: whoever reaches it could pose as a member, which may do everything: "+
			"set Cluster.Secret or Cluster.TLS, or say AllowOpen", c.Listen)
	}
	if len(c.Routes) == 0 && !s.NoJetStream {
		return errors.New("Config.Cluster.Routes is empty: JetStream needs the addresses of all members to know how many there are")
	}
	for _, r := range c.Routes {
		u, err := parseRoute(r)
		if err != nil {
			return err
		}
		if c.Secret != "" {
			u.User = url.UserPassword(routeUser, c.Secret)
		}
		s.routes = append(s.routes, u)
	}
	s.members = &a
	return nil
}

// login says whether clients of other processes have to prove who they are.
func (s *setup) login() bool {
	return s.Auth != Auth{} || len(s.Namespaces) > 0 || verifiesClients(s.TLS)
}

// secrets are the texts that must not appear in a log.
func (s *setup) secrets() []string {
	// The cluster's travels in URLs too, where it may look different.
	_, inURL, _ := strings.Cut(url.UserPassword(routeUser, s.Cluster.Secret).String(), ":")
	all := []string{s.Auth.Password, s.Auth.Token, s.Cluster.Secret, inURL}
	for _, n := range s.Namespaces {
		all = append(all, n.Password)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
