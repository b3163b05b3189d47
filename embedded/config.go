package embedded

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Config says what a server is to be. The zero value is a server that only
// this process can reach, that keeps everything in memory and says nothing.
//
// Start neither keeps nor changes a Config, its slices or its TLS
// configurations.
type Config struct {
	// Name is what the server is called in its log and in its cluster; one
	// token of letters, digits, '_' and '-'. Default: a random one. A member
	// of a cluster needs a name of its own that stays the same when it is
	// started again.
	Name string

	// Listen is the address at which clients of other processes connect, as
	// "host:port"; port 0 takes any free one, and Server.URL tells which.
	// Default: no listener. An address that other machines can reach is
	// refused when anybody could log in there; see AllowOpen.
	Listen string

	// AllowOpen lets Listen and Cluster.Listen be reachable without
	// credentials. Whoever reaches such an address may do everything. Default:
	// false.
	AllowOpen bool

	// TLS makes clients of other processes use TLS, with its certificates.
	// With ClientAuth set to tls.RequireAndVerifyClientCert a client's
	// certificate counts as credentials. Default: no TLS.
	TLS *tls.Config

	// Auth is what clients of other processes log in with. Connect needs none
	// of it. Default: nobody has to log in. Not to be used with Namespaces,
	// which have users of their own.
	Auth Auth

	// Namespaces splits the server into worlds that cannot see each other,
	// whatever a client does. Default: there is one, for all.
	Namespaces []Namespace

	// Cluster makes the server a member of a cluster. Default: it is alone.
	Cluster Cluster

	// Dir is the directory for what JetStream stores, made when it does not
	// exist. One server at a time may use it. Default: JetStream stores in
	// memory only and refuses streams with file storage.
	Dir string

	// SyncInterval is how long something may lie in the operating system's
	// buffers, acknowledged but not yet on the disk. Default: 0, everything is
	// on the disk before it is acknowledged, which costs a disk sync (about a
	// quarter of a millisecond on a good SSD) for each. With an interval a
	// process that is killed still loses nothing, but a power cut loses up to
	// that much, and of a stream made in the last interval all. Without effect
	// when Dir is empty.
	SyncInterval time.Duration

	// NoJetStream leaves JetStream out, for a server that only passes messages
	// on. Default: false. JetStream needs a directory even when it stores in
	// memory only: without Dir that is a temporary one with nearly nothing in
	// it, which Shutdown removes and a process that is killed leaves behind.
	NoJetStream bool

	// MaxPayload is the largest message in bytes, its headers included.
	// Default: 1 MiB. At most 64 MiB.
	MaxPayload int

	// MaxMemory is how many bytes JetStream may store in memory. Default:
	// 256 MiB. A publish beyond it is refused.
	MaxMemory int64

	// MaxStore is how many bytes JetStream may store in Dir. Default: 10 GiB,
	// or three quarters of what Dir's disk has free where that is less. A
	// publish beyond it is refused, while on a full disk a stream stands still
	// until the server is started again.
	MaxStore int64

	// MaxConnections is how many clients may be connected at once, those of
	// this process included. Default: 10,000.
	MaxConnections int

	// PingInterval is how often a silent client is asked for a sign of life;
	// one that owes two answers is cut off, so that a frozen one is gone after
	// at most three intervals. So are the other members of a cluster. Default:
	// 5 s.
	PingInterval time.Duration

	// Logger gets what the server has to say, with secrets removed. Default:
	// nothing is logged.
	Logger *slog.Logger
}

// Auth is what a client has to show: a user with a password, or a token. A
// password and a token may be given as they are or as a bcrypt hash, which
// begins with "$2".
type Auth struct {
	User     string
	Password string
	Token    string
}

// Namespace is a world of its own on a server: a NATS account with its own
// subjects and its own JetStream. It is a boundary for data, not for load: all
// namespaces share the server's processor, memory and connections.
type Namespace struct {
	// Name is one token of letters, digits, '_' and '-', and differs from that
	// of every other namespace not only in upper and lower case.
	Name string

	// User and Password are what clients of other processes log in with. The
	// password may be a bcrypt hash. Default for User: Name. Without a
	// Password only ConnectAs leads into the namespace.
	User     string
	Password string

	// MaxMemory and MaxStore are how many of the bytes in Config.MaxMemory and
	// Config.MaxStore this namespace may take. Default: of what others do not
	// claim an equal share. In a cluster both count for all members together,
	// where each replica of a stream counts.
	MaxMemory int64
	MaxStore  int64
}

// Cluster makes a server one of several that act as one: a client of any
// reaches the clients of all, and JetStream can keep replicas of a stream.
type Cluster struct {
	// Name is the same for all members; one token of letters, digits, '_' and
	// '-'. Default: "atasks".
	Name string

	// Listen is the address at which the other members connect, as
	// "host:port"; port 0 takes any free one, and Server.ClusterURL tells
	// which. Default: the server is no member of a cluster. A member needs
	// Config.Listen as well.
	Listen string

	// Routes are what all members have in Listen, the server itself included,
	// as "host:port" or as URLs without credentials. JetStream takes their
	// number for the size of the cluster when it starts for the first time.
	Routes []string

	// Secret is what members show each other; the same for all. Needed unless
	// TLS is set, when other machines can reach Listen or when clients have to
	// log in: whoever can pose as a member sees and may do everything.
	Secret string

	// TLS makes members talk to each other in TLS, each showing its
	// certificate and verifying that of the other against RootCAs. Default: no
	// TLS.
	TLS *tls.Config
}

// Bounds and defaults that Config's comments promise.
const (
	defaultCluster        = "atasks"
	defaultMaxPayload     = 1 << 20
	largestMaxPayload     = 64 << 20 // what the server keeps for one client at most
	defaultMaxMemory      = 256 << 20
	defaultMaxStore       = 10 << 30
	defaultMaxConnections = 10_000
	defaultPingInterval   = 5 * time.Second
)
