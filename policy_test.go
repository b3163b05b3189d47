// Package atasks_test holds the rules of this repository that a compiler does
// not know. The tables are in this file; policy_imports_test.go and
// policy_source_test.go apply them, and policy_proof_test.go breaks each rule
// on purpose.
package atasks_test

import "testing"

// Patterns are those of the go command: "..." stands for any text, and "/..."
// at the end for nothing as well. What begins with "./" belongs to this module.

// mayImport lists what the packages of this module import besides the standard
// library. The first row whose pattern fits is the one that counts. Every
// package needs a row, and every row a package, or one that is planned.
var mayImport = []arrow{
	{
		from: "./", to: nil,
		reason: "it is an overview: whoever imports it by mistake should pay nothing",
	},
	{
		from: "./codec", to: nil,
		reason: "values and bytes know neither messages nor calls, and every program links them",
	},
	{
		from: "./transport", to: nil,
		reason: "outsiders implement the seam, so it costs them the standard library only",
	},
	{
		from: "./transport/transporttest", to: []string{"./transport"},
		reason: "one suite for every transport knows none of them, and nothing above the seam",
	},
	{
		from: "./transport/loopback", to: []string{"./transport"},
		reason: "the reference implementation has to be readable alone",
	},
	{
		from: "./transport/nats", to: []string{"./transport", "./internal/netbatch", "github.com/nats-io/nats.go/...", "github.com/nats-io/nkeys/..."},
		reason: "a transport moves subjects, headers and bytes, and does not know what a call is",
	},
	{
		from: "./transport/amqp", to: []string{"./transport", "./internal/netbatch", "github.com/rabbitmq/amqp091-go/..."},
		reason: "a transport moves subjects, headers and bytes, and does not know what a call is",
	},
	{
		from: "./internal/netbatch", to: nil,
		reason: "it gathers bytes for whoever writes to a socket, and knows none of them",
	},
	{
		from: "./internal/rabbittest", to: nil,
		reason: "a broker for the tests of several packages, which starts a program and knows no client",
	},
	{
		from: "./internal/wire", to: []string{"./transport"},
		reason: "the grammar of the protocol decides nothing, so it needs nobody who decides",
	},
	{
		from: "./internal/mutant", to: nil,
		reason: "it breaks promises to prove the tests, and is constants only, which leave no trace in what is built",
	},
	{
		from: "./actor", to: []string{"./transport", "./codec", "./internal/wire", "./internal/mutant", "github.com/google/jsonschema-go/jsonschema"},
		reason: "the runtime is written once, above the seam: it names no transport and no typed task; what a task takes it says as a JSON Schema",
	},
	{
		from: "./internal/dial", to: []string{"./transport", "./transport/nats", "github.com/nats-io/nats.go/..."},
		reason: "programs read the environment, libraries do not: it picks a transport and invents nothing",
	},
	{
		from: "./internal/dial/dialamqp", to: []string{"./internal/dial", "./transport", "./transport/amqp"},
		reason: "RabbitMQ's client is for programs that ask for it",
	},
	{
		from: "./atask", to: []string{"./actor", "./codec"},
		reason: "typed tasks are a thin layer on the runtime and reach the network only through it",
	},
	{
		from: "./internal/nodetest", to: []string{"./actor", "./transport"},
		reason: "what the two test kits share names neither of their transports",
	},
	{
		from: "./atask/atasktest", to: []string{"./internal/nodetest", "./actor", "./transport/loopback"},
		reason: "tests of users' code run on loopback and need no server",
	},
	{
		from: "./embedded", to: []string{"./actor", "./transport", "./transport/nats", "./internal/wire", "github.com/nats-io/nats.go/...", "github.com/nats-io/nats-server/v2/..."},
		reason: "it puts a server, a connection and a node together, and invents nothing: what a namespace may be called, the protocol says",
	},
	{
		from: "./embedded/embeddedtest", to: []string{"./internal/nodetest", "./embedded", "./actor", "./transport", "github.com/nats-io/nats-server/..."},
		reason: "tests of users' code on the real server",
	},
	{
		from: "./cmd/...", to: []string{"..."},
		reason: "programs are at the end of every arrow",
	},
	{
		from: "./examples/...", to: []string{"..."},
		reason: "programs are at the end of every arrow",
	},
	{
		from: "./integration/...", to: []string{"..."},
		reason: "programs are at the end of every arrow",
	},
}

// mayNotReach lists what packages must not be built from, however long the way
// to it is. Tests do not count.
var mayNotReach = []ban{
	{
		from: "./transport/...", to: []string{"./actor/...", "./atask/..."},
		reason: "request and reply, liveness and retries belong to the runtime, once, above every transport",
	},
	{
		from: "./actor/...", to: []string{"./atask/..."},
		reason: "the runtime serves typed tasks without knowing them",
	},
	{
		from: "./...", except: []string{"./embedded/...", "./cmd/...", "./examples/...", "./integration/..."},
		to:     []string{"github.com/nats-io/nats-server/..."},
		reason: "the server is heavier than all the rest; only who asks for one inside the process links it",
	},
	{
		from: "./...", except: []string{"./transport/amqp", "./internal/dial/dialamqp", "./cmd/...", "./examples/...", "./integration/..."},
		to:     []string{"github.com/rabbitmq/..."},
		reason: "a program that uses NATS does without RabbitMQ's client",
	},
	{
		from: "./...", except: []string{"./...test", "./integration/..."},
		to:     []string{"./...test"},
		reason: "aids for tests have no place in a program that runs",
	},
	{
		from: "./...", except: []string{"./...test", "./embedded/...", "./cmd/...", "./examples/...", "./integration/..."},
		to:     []string{"testing", "net/http/httptest"},
		reason: "package testing adds its flags to every program that links it",
	},
	{
		from: "./...", except: []string{"./cmd/...", "./integration/..."},
		to:     []string{"github.com/spf13/cobra/...", "charm.land/...", "go.opentelemetry.io/otel/sdk/...", "github.com/prometheus/..."},
		reason: "a library leaves the command line, tracing and metrics to the program it is in",
	},
}

// planned lists the packages that the tables may name before they exist.
var planned = []string{}

// constantVars lists the package-level variables of libraries, besides errors,
// by package and name. Each says why nobody changes it.
var constantVars = map[string]string{
	"codec.Msgpack": "a codec without settings, documented as not to be replaced",
	"codec.JSON":    "a codec without settings, documented as not to be replaced",
}

// skips lists the functions that may skip a test, by file and name. A test
// that cannot run where it should is a failure, so each needs a reason.
var skips = map[string]string{}

// longFiles lists the files that may be longer than maxLines.
var longFiles = map[string]string{}

// maxLines is how long a file may be that is no test. Past it, a file rarely
// is one concept still.
const maxLines = 450

func TestPolicy(t *testing.T) {
	t.Parallel()
	pkgs := listPackages(t)
	sources := readSources(t, pkgs)
	for rule, complaints := range map[string][]string{
		"tables":           checkTables(pkgs, mayImport, mayNotReach, planned),
		"imports":          checkArrows(pkgs, mayImport),
		"reach":            checkBans(pkgs, mayNotReach),
		"package comments": checkPackageComments(sources),
		"init":             checkNoInit(sources),
		"variables":        checkVariables(sources, constantVars),
		"skips":            checkSkips(sources, skips),
		"doc comments":     checkDocComments(sources),
		"file lengths":     checkLengths(sources, maxLines, longFiles),
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			for _, c := range complaints {
				t.Error(c)
			}
		})
	}
}
