package nats

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// addresses are the servers to connect to.
type addresses struct {
	urls  []string // as the client wants them, credentials included
	shown string   // for people, without credentials
}

// wanted ends every complaint about an address.
const wanted = "want nats://host:port (or tls, ws, wss), several separated by commas; write %40, %2F, %3F, %23 and %2C for @ / ? # and , in a password"

// parseAddresses splits a list at its commas. No error and nothing in shown
// holds any part of a user name, password or token. That is harder than it
// looks: a comma in a password cuts it into pieces that may look like hosts.
func parseAddresses(list string) (addresses, error) {
	var a addresses
	var shown []string
	rest := list
	for part := range strings.SplitSeq(list, ",") {
		rest = rest[min(len(part)+1, len(rest)):]
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		host, err := parseAddress(part)
		if err == nil && len(a.urls) > 0 && strings.Contains(part, "@") && !strings.Contains(part, "://") {
			err = errors.New("has credentials and no scheme, which only the first of several may have")
		}
		secret := strings.Contains(part+rest, "@") // it, or what it is a piece of
		switch {
		case err != nil && secret:
			return addresses{}, errors.New("an address " + err.Error() + ": " + wanted)
		case err != nil:
			return addresses{}, errors.New("the address " + strconv.Quote(part) + " " + err.Error() + ": " + wanted)
		case secret && !strings.Contains(part, "@"):
			host = "..."
		}
		a.urls = append(a.urls, part)
		shown = append(shown, host)
	}
	if len(shown) == 0 {
		return addresses{}, errors.New("no address given: " + wanted)
	}
	a.shown = strings.Join(shown, ", ")
	return a, nil
}

// parseAddress returns what may be shown of an address.
func parseAddress(s string) (shown string, err error) {
	if !strings.Contains(s, "://") {
		s = "nats://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", errors.New("cannot be read as a URL") // not err, which repeats it
	}
	switch {
	case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
		return "", errors.New("begins with none of the schemes that NATS has")
	case strings.Contains(u.Path+u.RawQuery+u.Fragment, "@"):
		return "", errors.New("has an @ after its host")
	case u.Hostname() == "":
		return "", errors.New("has no host")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "", errors.New("has a port that is none")
		}
		return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), p), nil
	}
	return u.Scheme + "://" + u.Host, nil
}
