package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// passwords are those of a server's namespaces. Those that were drawn are in
// files that only this user can read, and are printed nowhere.
type passwords struct {
	users     []namespaceUser
	temporary string // a directory to remove; empty for none
}

type namespaceUser struct{ name, password, file string }

// where says how to come by the password.
func (u namespaceUser) where() string {
	if u.file == "" {
		return ""
	}
	return ", password in " + u.file
}

func (p passwords) remove() {
	if p.temporary != "" {
		_ = os.RemoveAll(p.temporary) // the system's own to clean up at last
	}
}

// namespaces reads the --namespace flags.
func (a *app) namespaces(f serverFlags) (passwords, error) {
	var p passwords
	for _, arg := range f.namespaces {
		name, password, given := strings.Cut(arg, "=")
		u := namespaceUser{name: name, password: password}
		file, inFile := strings.CutPrefix(password, "@")
		var err error
		switch {
		case given && inFile:
			u.password, err = readSecret("", file, "")
		case given && password == "":
			err = errors.New("the password is empty: leave the '=' out to have one drawn")
		case !given:
			u.password, u.file, err = p.draw(f.dir, name)
		}
		if err != nil {
			return p, fmt.Errorf("--namespace %s: %w", name, err)
		}
		p.users = append(p.users, u)
	}
	return p, nil
}

// draw returns the password that is in a file under dir, which it makes up the
// first time; without dir in one that lasts as long as the server.
func (p *passwords) draw(dir, name string) (password, file string, err error) {
	if name == "" || name != filepath.Base(name) {
		return "", "", errors.New("want a name of letters, digits, '_' and '-'")
	}
	if dir == "" {
		if p.temporary == "" {
			if p.temporary, err = os.MkdirTemp("", "atasks-passwords-"); err != nil {
				return "", "", err
			}
		}
		dir = p.temporary
	} else {
		dir = filepath.Join(dir, "passwords")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	file = filepath.Join(dir, name)
	old, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(old))) > 0 {
		return strings.TrimSpace(string(old)), file, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	password = rand.Text()
	return password, file, os.WriteFile(file, []byte(password+"\n"), 0o600)
}

// readSecret takes a secret from a flag, a file or the environment.
func readSecret(flag, file, env string) (string, error) {
	if file == "" {
		return or(flag, env), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
