package embedded

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address is where a server listens. Port 0 means any free one.
type address struct {
	host string
	port int
}

// parseAddress reads "host:port" out of the field that name names.
func parseAddress(field, s string) (address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return address{}, fmt.Errorf("%s %q: want host:port, such as \"127.0.0.1:4222\"", field, withoutUser(s))
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return address{}, fmt.Errorf("%s %q: port %q is not a number from 0 to 65535", field, withoutUser(s), port)
	}
	if strings.ContainsAny(host, " \t\r\n/@") {
		return address{}, fmt.Errorf("%s %q: %q is neither a host name nor an IP address", field, withoutUser(s), withoutUser(host))
	}
	return address{host: host, port: n}, nil
}

// loopback says whether only this machine can reach the address. A name other
// than localhost counts as reachable: what it resolves to may change.
func (a address) loopback() bool {
	if strings.EqualFold(a.host, "localhost") {
		return true
	}
	ip := net.ParseIP(a.host)
	return ip != nil && ip.IsLoopback()
}

// serverPort is the port in the server's notation, where 0 means its default
// and -1 any free one.
func (a address) serverPort() int {
	if a.port == 0 {
		return -1
	}
	return a.port
}

// reach returns the URL at which a program on this machine finds a listener
// of a that got this port.
func (a address) reach(scheme string, port int) string {
	host := a.host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// parseRoute reads the address of another member of the cluster.
func parseRoute(s string) (*url.URL, error) {
	const field = "Config.Cluster.Routes"
	rest := s
	for _, scheme := range []string{"nats://", "nats-route://", "tls://"} {
		if after, ok := strings.CutPrefix(s, scheme); ok {
			rest = strings.TrimSuffix(after, "/")
		}
	}
	if strings.Contains(rest, "@") {
		return nil, fmt.Errorf("%s %q: credentials do not belong there: use Config.Cluster.Secret", field, withoutUser(s))
	}
	a, err := parseAddress(field, rest)
	if err != nil {
		return nil, err
	}
	if a.host == "" || a.port == 0 {
		return nil, fmt.Errorf("%s %q: want the host and the port of a member", field, s)
	}
	return &url.URL{Scheme: "nats-route", Host: net.JoinHostPort(a.host, strconv.Itoa(a.port))}, nil
}

// withoutUser cuts what could be credentials off an address that goes into an
// error text.
func withoutUser(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}
