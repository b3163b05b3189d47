package rabbittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// serverPath is where Debian, Ubuntu and RabbitMQ's own packages put the script
// that starts a server as whoever calls it; the one on the PATH insists on a
// user of its own.
const serverPath = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// installTime bounds an installation, and the wait for another process that has
// begun one.
const installTime = 5 * time.Minute

// howToGetOne ends every complaint about a broker that is missing.
const howToGetOne = "install RabbitMQ 3.10 or later (on Debian as root: apt-get install rabbitmq-server), or name a broker in " + urlVariable

// installScript installs Debian's package, one process at a time, and keeps it
// from starting the system's own service.
const installScript = `
test -x ` + serverPath + ` && exit 0
export DEBIAN_FRONTEND=noninteractive
if [ ! -e /usr/sbin/policy-rc.d ]; then
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
fi
apt-get -q -o DPkg::Lock::Timeout=240 update &&
apt-get -q -o DPkg::Lock::Timeout=240 install -y --no-install-recommends rabbitmq-server
`

// install sees to it that there is a server to start: where it is missing, and
// this is root on a Debian system, it is installed.
func install(ctx context.Context) error {
	if _, err := os.Stat(serverPath); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return errors.New("there is no RabbitMQ here: " + howToGetOne)
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	// Several packages are tested at once, and each comes by here.
	cmd := exec.CommandContext(ctx, "flock", "/var/lock/atasks-rabbittest", "sh", "-c", installScript)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install Debian's rabbitmq-server: %w: %s\n%s", err, out, howToGetOne)
	}
	return nil
}
