package dial

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Key names a setting: it is the flag's name, too.
type Key string

// The settings of a connection.
const (
	Server       Key = "server"
	Namespace    Key = "namespace"
	Group        Key = "group"
	Context      Key = "context"
	Creds        Key = "creds"
	User         Key = "user"
	Password     Key = "password"
	PasswordFile Key = "password-file"
	Token        Key = "token"
	NKey         Key = "nkey"
	CA           Key = "ca"
	Cert         Key = "cert"
	CertKey      Key = "key"
	TLSFirst     Key = "tls-first"
)

// Option describes a setting to whoever makes a flag of it.
type Option struct {
	Key    Key
	Usage  string
	Nats   string // the variable that the nats tool has for it; empty without one
	Secret bool
	kind   kind
}

// kind says which settings go together.
type kind uint8

const (
	plain    kind = iota
	identity      // who we are: all of it comes from one place
	transit       // how the way there is protected
)

// Variable is the environment variable of the setting.
func (o Option) Variable() string {
	return "ATASKS_" + strings.ToUpper(strings.ReplaceAll(string(o.Key), "-", "_"))
}

// Options lists all settings. Where they come from, the first that has a value:
// the flag, ATASKS_<NAME>, NATS_<NAME>, the selected context of the nats tool.
func Options() []Option {
	return []Option{
		{Server, "where the broker is, as nats://host:port or amqp://host:port/vhost, several separated by commas", "NATS_URL", false, plain},
		{Namespace, "namespace to work in", "", false, plain},
		{Group, "service that this program counts as, for the broker's permissions", "", false, plain},
		{Context, "context of the nats tool to take settings from", "NATS_CONTEXT", false, plain},
		{Creds, "file with a JWT and a seed, as nsc writes it", "NATS_CREDS", false, identity},
		{User, "user name", "NATS_USER", false, identity},
		{Password, "password; better ATASKS_PASSWORD or --password-file, which no other process sees", "NATS_PASSWORD", true, identity},
		{PasswordFile, "file that holds the password", "", false, identity},
		{Token, "token", "NATS_TOKEN", true, identity},
		{NKey, "file with the seed of a user's NKEY", "NATS_NKEY", false, identity},
		{CA, "file with the certificates to trust (PEM)", "NATS_CA", false, transit},
		{Cert, "file with our certificate (PEM)", "NATS_CERT", false, transit},
		{CertKey, "file with its key (PEM)", "NATS_KEY", false, transit},
		{TLSFirst, "speak TLS from the first byte on: true or false", "", false, transit},
	}
}

// Setting is a value and where it came from.
type Setting struct {
	Key    Key
	Value  string
	Origin string // "default" among others
	Secret bool
}

// Shown is the value as it may be shown to anybody.
func (s Setting) Shown() string {
	if s.Value == "" {
		return ""
	}
	if s.Secret {
		return "(hidden)"
	}
	if s.Key == Server {
		urls := strings.Split(s.Value, ",")
		for i, u := range urls {
			urls[i] = hideUser(u)
		}
		return strings.Join(urls, ",")
	}
	return s.Value
}

// hideUser leaves the credentials out of a URL.
func hideUser(raw string) string {
	before, after, found := strings.Cut(raw, "@")
	if !found {
		return raw
	}
	scheme, _, hasScheme := strings.Cut(before, "://")
	if hasScheme {
		return scheme + "://(hidden)@" + after
	}
	return "(hidden)@" + after
}

// Settings are all settings in the order of Options.
type Settings []Setting

// Get returns the value of a setting.
func (s Settings) Get(k Key) string {
	i := slices.IndexFunc(s, func(x Setting) bool { return x.Key == k })
	if i < 0 {
		return ""
	}
	return s[i].Value
}

// Source is where settings may come from.
type Source struct {
	Flags     map[Key]string // those that were given
	Getenv    func(string) string
	ConfigDir string // that of the user, such as ~/.config; empty: no contexts
}

// defaults are the settings that have one.
func defaults(k Key) string {
	switch k {
	case Server:
		return "nats://127.0.0.1:4222"
	case Namespace:
		return "default"
	default:
		return ""
	}
}

// layer is one place where settings come from.
type layer struct {
	values map[Key]string
	origin func(Key) string
}

// Resolve finds the value of each setting. Of who we are (creds, user, token
// and so on) everything comes from the same place, so that no password goes to
// the user of another. The nats tool's selected context counts only as long as
// nothing else says where the broker is: its credentials are for its server.
// Where that is RabbitMQ, nothing of the nats tool counts.
func Resolve(src Source) (Settings, error) {
	var flags, own, nats layer
	flags = layer{src.Flags, func(k Key) string { return "flag --" + string(k) }}
	own = layer{map[Key]string{}, func(k Key) string { return optionOf(k).Variable() }}
	nats = layer{map[Key]string{}, func(k Key) string { return optionOf(k).Nats }}
	for _, o := range Options() {
		if v := src.Getenv(o.Variable()); v != "" {
			own.values[o.Key] = v
		}
		if o.Nats != "" {
			if v := src.Getenv(o.Nats); v != "" {
				nats.values[o.Key] = v
			}
		}
	}
	layers := []layer{flags, own}
	if !isRabbit(merge(layers).Get(Server)) {
		layers = append(layers, nats)
		context, err := contextLayer(src, layers)
		if err != nil {
			return nil, err
		}
		layers = append(layers, context)
	}
	set := merge(layers)
	return set, set.readPassword()
}

func optionOf(k Key) Option {
	all := Options()
	return all[slices.IndexFunc(all, func(o Option) bool { return o.Key == k })]
}

// merge takes each setting from the first layer that has it.
func merge(layers []layer) Settings {
	who := slices.IndexFunc(layers, func(l layer) bool {
		return slices.ContainsFunc(Options(), func(o Option) bool { return o.kind == identity && l.values[o.Key] != "" })
	})
	var set Settings
	for _, o := range Options() {
		s := Setting{Key: o.Key, Value: defaults(o.Key), Origin: "default", Secret: o.Secret}
		for i, l := range layers {
			if v := l.values[o.Key]; v != "" && (o.kind != identity || i == who) {
				s.Value, s.Origin = v, l.origin(o.Key)
				break
			}
		}
		set = append(set, s)
	}
	return set
}

// readPassword puts what the password's file holds in its place.
func (s Settings) readPassword() error {
	file := s.Get(PasswordFile)
	if file == "" || s.Get(Password) != "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	for i := range s {
		if s[i].Key == Password {
			s[i].Value, s[i].Origin = strings.TrimRight(string(b), "\r\n"), "--"+string(PasswordFile)
		}
	}
	return nil
}

func isRabbit(server string) bool { return strings.HasPrefix(schemeOf(server), "amqp") }

// schemeOf is the scheme of the first of several URLs; nats without one.
func schemeOf(server string) string {
	first, _, _ := strings.Cut(server, ",")
	first = strings.TrimSpace(first)
	scheme, _, ok := strings.Cut(first, "://")
	if !ok {
		return "nats"
	}
	if u, err := url.Parse(first); err == nil && u.Scheme != "" {
		return u.Scheme
	}
	return strings.ToLower(scheme)
}
