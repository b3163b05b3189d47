package amqp

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address is one broker to connect to.
type address struct {
	host, port     string
	secure         bool
	user, password string // both empty when the URL names none
	vhost          string // empty when the URL names none
}

// shown is the address for people, without credentials.
func (a address) shown() string {
	scheme := "amqp://"
	if a.secure {
		scheme = "amqps://"
	}
	return scheme + net.JoinHostPort(a.host, a.port)
}

// wanted ends every complaint about an address.
const wanted = "want amqp://user:password@host:port/vhost (or amqps), several separated by commas; write %40, %2F, %3F, %23 and %2C for @ / ? # and , in a name or password"

// parseAddresses splits a list at its commas. No error holds any part of a user
// name or password: a comma in a password cuts it into pieces that may look
// like hosts, so nothing is repeated of a list that has credentials.
func parseAddresses(list string) ([]address, error) {
	var all []address
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		a, err := parseAddress(part)
		switch {
		case err != nil && strings.Contains(list, "@"):
			return nil, errors.New("an address " + err.Error() + ": " + wanted)
		case err != nil:
			return nil, errors.New("the address " + strconv.Quote(part) + " " + err.Error() + ": " + wanted)
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, errors.New("no address given: " + wanted)
	}
	return all, nil
}

func parseAddress(s string) (address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return address{}, errors.New("cannot be read as a URL") // not err, which repeats it
	}
	a := address{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "amqp":
	case "amqps":
		a.secure = true
	default:
		return address{}, errors.New("begins with neither amqp:// nor amqps://")
	}
	switch {
	case a.host == "":
		return address{}, errors.New("has no host")
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, errors.New("has parameters after a ? or #, which are options of Connect here")
	case strings.Contains(u.EscapedPath(), "@"):
		return address{}, errors.New("has an @ after its host")
	}
	if a.port == "" {
		a.port = "5672"
		if a.secure {
			a.port = "5671"
		}
	}
	if n, err := strconv.Atoi(a.port); err != nil || n < 1 || n > 65535 {
		return address{}, errors.New("has a port that is none")
	}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if strings.Contains(path, "/") {
		return address{}, errors.New("has more than a vhost in its path")
	}
	if a.vhost, err = url.PathUnescape(path); err != nil {
		return address{}, errors.New("has a vhost that cannot be read")
	}
	return a, nil
}
