package dial_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/internal/dial"
)

// configDir makes a user's configuration with two contexts of the nats tool.
func configDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"context.txt":        "prod\n",
		"context/prod.json":  `{"url":"nats://prod:4222","user":"bob","password":"env://PW","ca":"~/ca.pem","tls_first":true}`,
		"context/other.json": `{"url":"nats://other:4222","token":"s3cret"}`,
		"context/nsc.json":   `{"url":"nats://x","nsc":"nsc://op/acc/user"}`,
		"context/bad.json":   `{`,
	} {
		path := filepath.Join(dir, "nats", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestResolve(t *testing.T) {
	t.Parallel()
	dir := configDir(t)
	flags := func(kv ...string) map[dial.Key]string {
		m := map[dial.Key]string{}
		for i := 0; i < len(kv); i += 2 {
			m[dial.Key(kv[i])] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name  string
		flags map[dial.Key]string
		env   map[string]string
		dir   string
		want  string // key=value@origin of what is not a default
	}{
		{"nothing", nil, nil, "", ""},
		{
			"the selected context", nil,
			map[string]string{"PW": "x", "HOME": "/home/bob"},
			dir,
			"server=nats://prod:4222@nats context prod,context=prod@nats context prod,user=bob@nats context prod,password=(hidden)@nats context prod,ca=/home/bob/ca.pem@nats context prod,tls-first=true@nats context prod",
		},
		{"a server elsewhere gets no context's credentials", nil, map[string]string{"NATS_URL": "nats://else"}, dir, "server=nats://else@NATS_URL"},
		{
			"unless the context was asked for", flags("context", "other"),
			map[string]string{"NATS_URL": "nats://else"},
			dir,
			"server=nats://else@NATS_URL,context=other@flag --context,token=(hidden)@nats context other",
		},
		{
			"flag, own variable, nats variable", flags("server", "a"),
			map[string]string{"ATASKS_SERVER": "b", "ATASKS_NAMESPACE": "shop", "NATS_URL": "c", "NATS_CA": "ca"},
			"",
			"server=a@flag --server,namespace=shop@ATASKS_NAMESPACE,ca=ca@NATS_CA",
		},
		{"who we are comes from one place", flags("user", "eve"), map[string]string{"NATS_PASSWORD": "bobs", "NATS_TOKEN": "t"}, "", "user=eve@flag --user"},
		{"a URL with credentials", flags("server", "nats://u:pw@h:1,x:y@z"), nil, "", "server=nats://(hidden)@h:1,(hidden)@z@flag --server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set, err := dial.Resolve(dial.Source{Flags: c.flags, Getenv: func(k string) string { return c.env[k] }, ConfigDir: c.dir})
			if err != nil {
				t.Fatalf("Resolve() = %v", err)
			}
			var got []string
			for _, s := range set {
				if s.Origin != "default" {
					got = append(got, string(s.Key)+"="+s.Shown()+"@"+s.Origin)
				}
			}
			if g := strings.Join(got, ","); g != c.want {
				t.Errorf("Resolve() = %s\nwant        %s", g, c.want)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	dir := configDir(t)
	for _, c := range []struct{ context, want string }{
		{"none", "there is none of that name"},
		{"nsc", "only the nats tool understands"},
		{"bad", "does not parse"},
		{"../prod", "want the name of one"},
		{"prod", "the variable PW is not set"},
	} {
		_, err := dial.Resolve(dial.Source{
			Flags:  map[dial.Key]string{dial.Context: c.context},
			Getenv: func(string) string { return "" }, ConfigDir: dir,
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Resolve(context %q) = %v, want an error with %q", c.context, err, c.want)
		}
	}
}

func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags map[dial.Key]string
		want  string
	}{
		{map[dial.Key]string{dial.Server: "ftp://h"}, "no transport for ftp:// URLs: want one of"},
		{map[dial.Key]string{dial.Password: "x"}, "give --user, too"},
		{map[dial.Key]string{dial.Cert: "x"}, "give both"},
		{map[dial.Key]string{dial.NKey: "/nowhere"}, "read the NKEY"},
	} {
		set, err := dial.Resolve(dial.Source{Flags: c.flags, Getenv: func(string) string { return "" }})
		if err == nil {
			_, err = set.Connect(t.Context(), "test", nil, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Connect(%v) = %v, want an error with %q", c.flags, err, c.want)
		}
	}
}
