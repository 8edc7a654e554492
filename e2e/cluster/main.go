// Command kube is a real Kubernetes for the end-to-end tests of the mesh: it starts and ends clusters, and passes on
// the components of Kubernetes, which are one program beside this one.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const usage = `kube is a real Kubernetes on this machine.

  kube up [--dir DIR] [--images DIR]    starts a cluster of two nodes; ends when it is ready (--ipv4: of IPv4 alone)
  kube down [--dir DIR]                 ends it, and leaves nothing behind
  kube status [--dir DIR]               says what runs, and how much memory it takes
  kube images [--dir DIR] TAR|DIR ...   gives images to every node of a running cluster
  kube node [--dir DIR] NODE COMMAND    runs a command in a node's namespaces (control, node1, node2)
  kube probe-image TAR                  writes docker.io/local/probe:1, which the tests run, for other clusters
  kube api --dir DIR                    an API server and its etcd alone, until its input closes or SIGTERM comes
  kube COMPONENT ...                    `

// commands are this program's own; the others are Kubernetes' components.
var commands = map[string]func(arguments []string) error{
	"api":         api,
	"down":        downCommand,
	"images":      imagesCommand,
	"machine":     machine,
	"node":        nodeCommand,
	"probe-image": probeImageCommand,
	"status":      statusCommand,
	"up":          upCommand,
}

// components are Kubernetes' programs, in the program of that name.
var components = []string{
	"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet",
	"load-balancer",
}

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" { // a link to this program, for the path
		os.Args = slices.Insert(os.Args, 1, "kubectl")
	}
	if filepath.Base(os.Args[0]) == podNetworkPlugin { // as the container runtime calls it
		if err := joinPod(); err != nil {
			fmt.Fprintln(os.Stderr, podNetworkPlugin+":", err)
			os.Exit(1)
		}
	}
	if len(os.Args) < 2 || slices.Contains([]string{"help", "--help", "-h"}, os.Args[1]) {
		fmt.Println(usage + strings.Join(components, ", "))
		return
	}
	name := os.Args[1]
	if err := run(name, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "kube "+name+":", err)
		os.Exit(1)
	}
}

func run(name string, arguments []string) error {
	if command, ok := commands[name]; ok {
		return command(arguments)
	}
	if !slices.Contains(components, name) {
		return fmt.Errorf("there is no such command; `kube help` lists what there is")
	}
	program, err := sibling("components")
	if err != nil {
		return err
	}
	return syscall.Exec(program, append([]string{"components", name}, arguments...), os.Environ())
}

// sibling is the path of another program that `./scripts/kube` builds together with this one.
func sibling(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("%w (`./scripts/kube` builds it together with this program)", err)
	}
	return program, nil
}
