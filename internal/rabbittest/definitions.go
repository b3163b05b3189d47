package rabbittest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// What a node of ours knows from the start.
const (
	User          = "guest"   // may do everything
	Password      = "guest"   //nolint:gosec // of a node that lives as long as a test
	GuardedUser   = "guarded" // may neither publish nor subscribe to what begins with Denied
	GuardedSecret = "kept%me/from:logs"
	Denied        = "secret"
	OtherVhost    = "other/one" // where User may do everything as well
)

type object = map[string]any

// definitions are in the format of RabbitMQ's export.
func definitions() ([]byte, error) {
	all := func(user, vhost string) object {
		return object{"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
	}
	user := func(name, password string) object {
		return object{
			"name": name, "password_hash": hash(password), "hashing_algorithm": "rabbit_password_hashing_sha256",
			"tags": []string{}, "limits": object{},
		}
	}
	return json.Marshal(object{
		"users":       []object{user(User, Password), user(GuardedUser, GuardedSecret)},
		"vhosts":      []object{{"name": "/"}, {"name": OtherVhost}},
		"permissions": []object{all(User, "/"), all(User, OtherVhost), all(GuardedUser, "/")},
		"topic_permissions": []object{{
			"user": GuardedUser, "vhost": "/", "exchange": "atasks",
			"write": "^(?!" + Denied + "[.])", "read": "^(?!" + Denied + "[.])",
		}},
		"parameters": []object{}, "policies": []object{}, "queues": []object{}, "exchanges": []object{}, "bindings": []object{},
	})
}

// hash is how RabbitMQ keeps a password: a salt and, of salt and password, the
// SHA-256.
func hash(password string) string {
	salt := []byte("salt")
	sum := sha256.Sum256(append(salt, password...))
	return base64.StdEncoding.EncodeToString(append(salt, sum[:]...))
}
