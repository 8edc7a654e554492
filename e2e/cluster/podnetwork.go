package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
)

// podNetworkPlugin is the CNI plugin that joins pods to their node. A link of that name leads to this program.
const podNetworkPlugin = "ptp"

// joinPod runs the plugin itself, once the pod's network no longer asks whether another has its IPv6 address: nobody
// can, and each pod would wait for it, two seconds before it starts.
func joinPod() error {
	if network := os.Getenv("CNI_NETNS"); network != "" && os.Getenv("CNI_COMMAND") == "ADD" {
		if err := trustAddresses(network); err != nil {
			return err
		}
	}
	program := filepath.Join(cniPlugins, podNetworkPlugin)
	return syscall.Exec(program, os.Args, os.Environ())
}

func trustAddresses(network string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := netns.Get()
	if err != nil {
		return err
	}
	defer own.Close()
	pod, err := netns.GetFromPath(network)
	if err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	defer pod.Close()
	if err := netns.Set(pod); err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	// /proc/sys/net is that of the thread that opens it.
	return errors.Join(os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0), netns.Set(own))
}
