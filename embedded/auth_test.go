package embedded

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// hashed is "secret", as bcrypt with the least cost writes it.
const hashed = "$2a$04$.x33bsGuyLkeFh3ytYz47.GjOi0RPKOTAkr9OYKUPldgVi2kPGBwa"

func TestAuth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth        Auth
		right       nats.Option
		wrong, none nats.Option
	}{
		"password": {
			auth:  Auth{User: "gopher", Password: "secret"},
			right: nats.UserInfo("gopher", "secret"),
			wrong: nats.UserInfo("gopher", "Secret"),
			none:  nats.UserInfo("gopher", ""),
		},
		"hashed password": {
			auth:  Auth{User: "gopher", Password: hashed},
			right: nats.UserInfo("gopher", "secret"),
			wrong: nats.UserInfo("gopher", hashed),
			none:  nats.UserInfo("", ""),
		},
		"token": {
			auth:  Auth{Token: "secret"},
			right: nats.Token("secret"),
			wrong: nats.Token("Secret"),
			none:  nats.Token(""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, Config{Listen: "127.0.0.1:0", Auth: tc.auth})
			if strings.Contains(s.URL(), "secret") || strings.Contains(s.URL(), "@") {
				t.Errorf("URL() = %q, want no credentials in it", s.URL())
			}
			// Within the process nobody has to log in.
			pass(t, dial(t, s.URL(), tc.right), dialLocal(t, s, ""))
			for how, opt := range map[string]nats.Option{"wrong": tc.wrong, "no": tc.none} {
				nc, err := nats.Connect(s.URL(), opt)
				if err == nil {
					nc.Close()
				}
				if !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("Connect(%s credentials) = %v, want %v", how, err, nats.ErrAuthorization)
				}
			}
		})
	}
}

// A server listens where it was told to and nowhere else.
func TestOnlyListener(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0"})
	v, err := s.ns.Varz(nil)
	if err != nil {
		t.Fatalf("Varz() = %v, want nil", err)
	}
	if v.HTTPPort != 0 || v.HTTPSPort != 0 || v.Cluster.Port != 0 || v.Gateway.Port != 0 || v.LeafNode.Port != 0 || v.MQTT.Port != 0 || v.Websocket.Port != 0 {
		t.Errorf("Varz() = %+v, want the client port only", v)
	}
	if got := net.JoinHostPort(v.Host, strconv.Itoa(v.Port)); !strings.HasSuffix(s.URL(), got) {
		t.Errorf("the server listens on %q, want %q", got, s.URL())
	}
}
