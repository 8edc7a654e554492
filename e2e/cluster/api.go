package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// How long an API server may take to come up, on a machine that is busy with other things.
const apiServerPatience = 2 * time.Minute

// api runs etcd and kube-apiserver alone on free loopback ports, writes DIR/kubeconfig, says "ready" and waits for
// SIGTERM, SIGINT or the end of its input if that is a pipe.
//
// There are no controllers: Namespaces get no default ServiceAccount, and deleted ones stay in Terminating.
func api(arguments []string) error {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	dir := flags.String("dir", "", "folder for `DIR`/kubeconfig, logs and data; what an earlier run left there is removed")
	if err := flags.Parse(arguments); err != nil {
		return errors.New("usage: kube api --dir DIR")
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("a folder is needed, and nothing else: kube api --dir DIR")
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // children end with this thread, which is the program's first
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx = untilInputCloses(ctx)

	etcd, apiserver, err := startAPI(ctx, absolute)
	if err != nil {
		return err
	}
	defer etcd.stop()
	defer apiserver.stop()
	fmt.Println("ready")
	select {
	case <-ctx.Done():
		return nil
	case <-etcd.ended:
		return etcd.failure()
	case <-apiserver.ended:
		return apiserver.failure()
	}
}

// startAPI starts both programs and waits for the API server to be ready.
func startAPI(ctx context.Context, dir string) (etcd, apiserver *process, err error) {
	for _, old := range []string{"etcd", "logs", "pki", "kubeconfig"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return nil, nil, err
		}
	}
	ca, err := newAuthority(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, nil, err
	}
	loopback := net.IPv4(127, 0, 0, 1)
	serving := subject{user: "kube-apiserver", names: apiServerNames, ips: []net.IP{loopback, net.IPv4(10, 96, 0, 1)}}
	err = errors.Join(
		ca.issue("apiserver", serving),
		ca.issue("admin", subject{user: "admin", groups: []string{"system:masters"}}),
		ca.serviceAccountKeys())
	if err != nil {
		return nil, nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, nil, err
	}
	addresses := etcdAddresses{clients: ports[0], peers: ports[1]}
	address := net.JoinHostPort(loopback.String(), strconv.Itoa(ports[2]))
	if err := ca.writeKubeconfig(filepath.Join(dir, "kubeconfig"), "https://"+address, "admin"); err != nil {
		return nil, nil, err
	}
	l, err := newLauncher(filepath.Join(dir, "logs"))
	if err != nil {
		return nil, nil, err
	}
	etcd, err = l.startComponent("etcd", etcdFlags(filepath.Join(dir, "etcd"), addresses)...)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			etcd.stop()
		}
	}()
	server := apiServer{
		bind: loopback.String(),
		// Written into the Service kubernetes; a loopback address would be refused. Nobody goes there: no pods.
		advertise: "192.0.2.1",
		port:      ports[2],
		services:  "10.96.0.0/16",
	}
	apiserver, err = l.startComponent("kube-apiserver", server.flags(ca, addresses)...)
	if err != nil {
		return nil, nil, err
	}
	client, err := ca.client("admin")
	if err == nil {
		patience, enough := context.WithTimeout(ctx, apiServerPatience)
		defer enough()
		err = awaitReady(patience, address, client, etcd, apiserver)
	}
	if err != nil {
		apiserver.stop()
		return nil, nil, err
	}
	return etcd, apiserver, nil
}

// untilInputCloses ends the context when standard input does, if it is a pipe: then whoever started this has ended.
// A terminal or /dev/null says nothing of that kind.
func untilInputCloses(ctx context.Context) context.Context {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // an error ends the input as well
	}()
	return ctx
}
