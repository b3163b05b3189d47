package dial

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// natsContext is what the nats tool writes to context/<name>.json, as far as we
// understand it.
type natsContext struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Creds    string `json:"creds"`
	NKey     string `json:"nkey"`
	CA       string `json:"ca"`
	Cert     string `json:"cert"`
	Key      string `json:"key"`
	TLSFirst bool   `json:"tls_first"`

	// What we refuse, since we would connect as somebody else without it.
	NSC          string `json:"nsc"`
	UserJwt      string `json:"user_jwt"`
	SocksProxy   string `json:"socks_proxy"`
	WindowsStore string `json:"windows_cert_store"`
}

// contextLayer reads the context that was asked for by name or, when nothing
// says where the broker is, the one that the nats tool has selected.
func contextLayer(src Source, above []layer) (layer, error) {
	name, asked, elsewhere := "", false, false
	for _, l := range above {
		if v := l.values[Context]; v != "" && name == "" {
			name, asked = v, true
		}
		elsewhere = elsewhere || l.values[Server] != ""
	}
	if !asked && (elsewhere || src.ConfigDir == "") {
		return layer{}, nil
	}
	dir := filepath.Join(src.ConfigDir, "nats")
	if !asked {
		selected, err := os.ReadFile(filepath.Join(dir, "context.txt"))
		name = strings.TrimSpace(string(selected))
		if errors.Is(err, fs.ErrNotExist) || err == nil && name == "" {
			return layer{}, nil
		}
		if err != nil {
			return layer{}, fmt.Errorf("read the selected context of the nats tool: %w", err)
		}
	}
	if name != filepath.Base(name) {
		return layer{}, fmt.Errorf("context %q: want the name of one, as `nats context ls` shows it", name)
	}
	c, err := readContext(filepath.Join(dir, "context", name+".json"))
	if err != nil {
		return layer{}, fmt.Errorf("context %q of the nats tool: %w", name, err)
	}
	values := map[Key]string{
		Context: name, Server: c.URL, User: c.User, Password: c.Password, Token: c.Token, Creds: c.Creds,
		NKey: c.NKey, CA: c.CA, Cert: c.Cert, CertKey: c.Key,
	}
	if c.TLSFirst {
		values[TLSFirst] = "true"
	}
	for k, v := range values {
		if values[k], err = expand(v, src.Getenv); err != nil {
			return layer{}, fmt.Errorf("context %q of the nats tool: %s: %w", name, k, err)
		}
	}
	return layer{values, func(Key) string { return "nats context " + name }}, nil
}

func readContext(path string) (natsContext, error) {
	var c natsContext
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, errors.New("there is none of that name: see `nats context ls`")
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("%s does not parse: %w", path, err)
	}
	for what, v := range map[string]string{
		"nsc": c.NSC, "user_jwt": c.UserJwt, "socks_proxy": c.SocksProxy, "windows_cert_store": c.WindowsStore,
	} {
		if v != "" {
			return c, fmt.Errorf("it uses %s, which only the nats tool understands: give --server and --creds instead", what)
		}
	}
	return c, nil
}

// expand resolves a value that says where it is to be found.
func expand(v string, getenv func(string) string) (string, error) {
	if name, ok := strings.CutPrefix(v, "env://"); ok {
		if getenv(name) == "" {
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		return getenv(name), nil
	}
	for _, scheme := range []string{"op://", "nsc://"} {
		if strings.HasPrefix(v, scheme) {
			return "", fmt.Errorf("%s is for the nats tool only: give the file or value itself", scheme)
		}
	}
	if rest, ok := strings.CutPrefix(v, "~/"); ok {
		if home := getenv("HOME"); home != "" {
			return filepath.Join(home, rest), nil
		}
	}
	return v, nil
}
