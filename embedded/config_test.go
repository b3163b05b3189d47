package embedded

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	member := func(change func(*Config)) Config {
		cfg := Config{
			Name:   "a",
			Listen: "127.0.0.1:0",
			Cluster: Cluster{
				Listen: "127.0.0.1:0",
				Routes: []string{"127.0.0.1:6222", "127.0.0.1:6223"},
			},
		}
		change(&cfg)
		return cfg
	}
	namespaces := func(n ...Namespace) Config { return Config{Namespaces: n} }
	for name, tc := range map[string]struct {
		cfg  Config
		want []string // all in the error
	}{
		"name with a dot":         {Config{Name: "a.b"}, []string{"Config.Name", "a.b"}},
		"name with a space":       {Config{Name: "a b"}, []string{"Config.Name"}},
		"long name":               {Config{Name: strings.Repeat("x", 5000)}, []string{"Config.Name", "5000 bytes"}},
		"no port":                 {Config{Listen: "127.0.0.1"}, []string{"Config.Listen", "host:port"}},
		"port 70000":              {Config{Listen: "127.0.0.1:70000"}, []string{"Config.Listen", "70000", "65535"}},
		"negative port":           {Config{Listen: "127.0.0.1:-1"}, []string{"Config.Listen", "-1"}},
		"named port":              {Config{Listen: "127.0.0.1:nats"}, []string{"Config.Listen", "nats"}},
		"URL as Listen":           {Config{Listen: "nats://u:hunter2@127.0.0.1:4222"}, []string{"Config.Listen"}},
		"host with a space":       {Config{Listen: "a b:1"}, []string{"Config.Listen"}},
		"unspecified IPv4":        {Config{Listen: "0.0.0.0:0"}, []string{"Config.Listen", "Auth", "AllowOpen"}},
		"unspecified IPv6":        {Config{Listen: "[::]:0"}, []string{"Config.Listen", "AllowOpen"}},
		"no host":                 {Config{Listen: ":0"}, []string{"Config.Listen", "AllowOpen"}},
		"a host name":             {Config{Listen: "example.org:0"}, []string{"Config.Listen", "AllowOpen"}},
		"TLS without clients'":    {Config{Listen: ":0", TLS: newAuthority(t).server(t)}, []string{"Config.Listen", "AllowOpen"}},
		"user without password":   {Config{Auth: Auth{User: "u"}}, []string{"Config.Auth", "Password"}},
		"password without user":   {Config{Auth: Auth{Password: "hunter2"}}, []string{"Config.Auth", "User"}},
		"user and token":          {Config{Auth: Auth{User: "u", Password: "hunter2", Token: "t"}}, []string{"Config.Auth", "Token"}},
		"payload too large":       {Config{MaxPayload: 65 << 20}, []string{"Config.MaxPayload", "67108864"}},
		"negative payload":        {Config{MaxPayload: -1}, []string{"Config.MaxPayload", "-1"}},
		"negative memory":         {Config{MaxMemory: -1}, []string{"Config.MaxMemory"}},
		"negative store":          {Config{MaxStore: -1}, []string{"Config.MaxStore"}},
		"negative connections":    {Config{MaxConnections: -1}, []string{"Config.MaxConnections"}},
		"negative ping":           {Config{PingInterval: -time.Second}, []string{"Config.PingInterval", "-1s"}},
		"negative sync":           {Config{SyncInterval: -time.Second}, []string{"Config.SyncInterval"}},
		"Dir without JetStream":   {Config{NoJetStream: true, Dir: "/nowhere"}, []string{"Config.Dir", "NoJetStream"}},
		"several at once":         {Config{Name: "a.b", MaxPayload: -1}, []string{"Config.Name", "Config.MaxPayload"}},
		"empty namespace":         {namespaces(Namespace{}), []string{"namespace", "0 bytes"}},
		"namespace with a dot":    {namespaces(Namespace{Name: "a.b"}), []string{"namespace", "a.b"}},
		"system account":          {namespaces(Namespace{Name: "$SYS"}), []string{"namespace", "$SYS"}},
		"wildcard":                {namespaces(Namespace{Name: ">"}), []string{"namespace", ">"}},
		"path":                    {namespaces(Namespace{Name: "../a"}), []string{"namespace", "../a"}},
		"namespace twice":         {namespaces(Namespace{Name: "a"}, Namespace{Name: "a"}), []string{`"a"`, "rename"}},
		"but for the case":        {namespaces(Namespace{Name: "a"}, Namespace{Name: "A"}), []string{`"a"`, `"A"`, "rename"}},
		"user twice":              {namespaces(Namespace{Name: "a", User: "u", Password: "p"}, Namespace{Name: "b", User: "u", Password: "q"}), []string{`"a"`, `"b"`, `"u"`}},
		"namespace, no password":  {namespaces(Namespace{Name: "a", User: "u"}), []string{`"a"`, "Password"}},
		"negative share":          {namespaces(Namespace{Name: "a", MaxMemory: -1}), []string{`"a"`, "MaxMemory"}},
		"shares too large":        {Config{MaxMemory: 10, Namespaces: []Namespace{{Name: "a", MaxMemory: 6}, {Name: "b", MaxMemory: 6}}}, []string{"MaxMemory", "10 bytes"}},
		"nothing left":            {Config{MaxMemory: 10, Namespaces: []Namespace{{Name: "a", MaxMemory: 10}, {Name: "b"}}}, []string{"MaxMemory", "nothing"}},
		"Auth and Namespaces":     {Config{Auth: Auth{Token: "t"}, Namespaces: []Namespace{{Name: "a"}}}, []string{"Config.Auth", "Config.Namespaces"}},
		"TLS without Listen":      {Config{TLS: newAuthority(t).server(t)}, []string{"Config.TLS", "Config.Listen"}},
		"TLS without certificate": {Config{Listen: "127.0.0.1:0", TLS: &tls.Config{}}, []string{"Config.TLS", "no certificate"}},
		"TLS 1.0":                 {Config{Listen: "127.0.0.1:0", TLS: &tls.Config{MinVersion: tls.VersionTLS10}}, []string{"Config.TLS", "TLS 1.2"}},
		"expired certificate":     {Config{Listen: "127.0.0.1:0", TLS: newAuthority(t).expired(t)}, []string{"Config.TLS", "expired", "renew"}},
		"key of another":          {Config{Listen: "127.0.0.1:0", TLS: newAuthority(t).mismatched(t)}, []string{"Config.TLS", "private key"}},
		"no key":                  {Config{Listen: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{{}}}}, []string{"Config.TLS", "missing"}},
		"unreadable certificate":  {Config{Listen: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{{1}}, PrivateKey: 1}}}}, []string{"Config.TLS", "cannot be read"}},
		"cluster without Listen":  {Config{Cluster: Cluster{Name: "c"}}, []string{"Config.Cluster.Listen"}},
		"member without name":     {member(func(c *Config) { c.Name = "" }), []string{"Config.Name"}},
		"member, no clients":      {member(func(c *Config) { c.Listen = "" }), []string{"Config.Listen", "127.0.0.1:0"}},
		"member without routes":   {member(func(c *Config) { c.Cluster.Routes = nil }), []string{"Config.Cluster.Routes"}},
		"cluster name":            {member(func(c *Config) { c.Cluster.Name = "a b" }), []string{"Config.Cluster.Name"}},
		"cluster address":         {member(func(c *Config) { c.Cluster.Listen = "x" }), []string{"Config.Cluster.Listen"}},
		"open cluster":            {member(func(c *Config) { c.Cluster.Listen = ":0" }), []string{"Config.Cluster.Listen", "Secret", "AllowOpen"}},
		"cluster beside Auth":     {member(func(c *Config) { c.Auth.Token = "hunter2" }), []string{"Config.Cluster.Listen", "Secret"}},
		"cluster beside others":   {member(func(c *Config) { c.Namespaces = []Namespace{{Name: "a"}} }), []string{"Config.Cluster.Listen", "Secret"}},
		"route without port":      {member(func(c *Config) { c.Cluster.Routes = []string{"a"} }), []string{"Config.Cluster.Routes", `"a"`}},
		"route to port 0":         {member(func(c *Config) { c.Cluster.Routes = []string{"a:0"} }), []string{"Config.Cluster.Routes", `"a:0"`}},
		"route with password":     {member(func(c *Config) { c.Cluster.Routes = []string{"nats://u:hunter2@a:1"} }), []string{"Config.Cluster.Routes", "Secret"}},
		"route, other scheme":     {member(func(c *Config) { c.Cluster.Routes = []string{"http://a:1"} }), []string{"Config.Cluster.Routes"}},
		"cluster certificate":     {member(func(c *Config) { c.Cluster.TLS = &tls.Config{} }), []string{"Config.Cluster.TLS", "no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Start(tc.cfg)
			if err == nil {
				_ = s.Shutdown(cancelled())
				t.Fatalf("Start() = nil, want an error with %q", tc.want)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "embedded: ") || strings.Contains(text, "hunter2") || len(text) > 1000 {
				t.Errorf("Start() = %q, want a short error of this package without the password", text)
			}
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("Start() = %q, want %q in it", text, want)
				}
			}
		})
	}
}

func TestStartAcceptsSecuredAddresses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	verifying := ca.server(t)
	verifying.ClientAuth, verifying.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	for name, cfg := range map[string]Config{
		"a token":              {Listen: ":0", Auth: Auth{Token: "t"}},
		"a password":           {Listen: ":0", Auth: Auth{User: "u", Password: "p"}},
		"namespaces":           {Listen: ":0", Namespaces: []Namespace{{Name: "a", Password: "p"}}},
		"clients' certificate": {Listen: ":0", TLS: verifying},
		"said to be open":      {Listen: ":0", AllowOpen: true},
		"IPv6 loopback":        {Listen: "[::1]:0"},
	} {
		if _, err := check(cfg); err != nil {
			t.Errorf("%s: check(%+v) = %v, want nil", name, cfg, err)
		}
	}
}

func TestStartLeavesConfigAlone(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cfg := Config{Listen: "127.0.0.1:0", TLS: ca.server(t), Namespaces: []Namespace{{Name: "a", Password: "p"}}}
	config, namespaces := cfg.TLS, slices.Clone(cfg.Namespaces)
	run(t, cfg)
	if config != cfg.TLS || cfg.TLS.ClientAuth != tls.NoClientCert {
		t.Error("Start() changed Config.TLS")
	}
	if diff := cmp.Diff(namespaces, cfg.Namespaces); diff != "" {
		t.Errorf("Start() changed Config.Namespaces:\n%s", diff)
	}
}

func TestDivide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		total        int64
		claims, want []int64
	}{
		{90, []int64{0, 0, 0}, []int64{30, 30, 30}},
		{90, []int64{50, 0, 0}, []int64{50, 20, 20}},
		{90, []int64{50, 40}, []int64{50, 40}},
		{90, nil, []int64{}},
	} {
		var all []Namespace
		for _, c := range tc.claims {
			all = append(all, Namespace{MaxStore: c})
		}
		got, err := divide("MaxStore", tc.total, all, func(n Namespace) int64 { return n.MaxStore })
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("divide(%d, %v) = %v, %v, want %v", tc.total, tc.claims, got, err, tc.want)
		}
	}
}
