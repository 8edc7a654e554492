package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Programs that the nodes need, and the Debian package of each.
var required = []struct{ program, debianPackage string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{cniPlugins + "/ptp", "containernetworking-plugins"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"ipset", "ipset"},
	{"socat", "socat"},
	{"nsenter", "util-linux"},
}

// checkHost says what this machine lacks for a cluster, all of it at once.
func checkHost() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root, for namespaces, mounts and cgroups: sudo make cluster-up " +
			"(or point KUBECONFIG at a cluster of your own)")
	}
	var missing, packages []string
	for _, need := range required {
		if _, err := exec.LookPath(need.program); err != nil {
			missing = append(missing, filepath.Base(need.program))
			if !slices.Contains(packages, need.debianPackage) {
				packages = append(packages, need.debianPackage)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s\nDebian has them:\n  apt-get install --no-install-recommends %s",
			strings.Join(missing, ", "), strings.Join(packages, " "))
	}
	return nil
}
