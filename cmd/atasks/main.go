// Command atasks runs a server, calls tasks, and shows and steers what runs in
// a namespace: `atasks help` lists its verbs, docs/cli.md describes them.
package main

import (
	"os"

	"github.com/atasks-io/atasks/cmd/atasks/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
