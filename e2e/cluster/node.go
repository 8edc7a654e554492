package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Paths of a node, as on any; its machine keeps them apart from the host's.
const (
	containerdSocket = "/run/containerd/containerd.sock"
	cniPlugins       = "/usr/lib/cni" // where Debian puts them
	cgroupRoot       = "/sys/fs/cgroup"
)

// runNode starts what a node consists of, once the images are in and the API server is ready.
func (p plan) runNode(l *launcher, node int) error {
	name := nodeMachines[node]
	cgroup := filepath.Join(cgroupName(p.Dir), name)
	if err := errors.Join(p.bindNodeFolders(name), makeCgroup(cgroup), p.writeNodeFiles(node, cgroup)); err != nil {
		return err
	}
	containerd, err := l.keep("containerd", "containerd", "--config", "/etc/containerd/config.toml")
	if err != nil {
		return err
	}
	if err := awaitSocket(containerdSocket, containerd); err != nil {
		return err
	}
	tars, err := p.imageTars()
	if err != nil {
		return err
	}
	for _, tar := range tars {
		if err := l.importImage(tar); err != nil {
			return err
		}
	}
	a, err := readAuthority(p.file("pki"))
	if err != nil {
		return err
	}
	if err := p.awaitAPIServer(a, containerd); err != nil {
		return err
	}
	if _, err := l.keepComponent("kubelet",
		"--config=/etc/kubernetes/kubelet.yaml",
		"--kubeconfig="+p.kubeconfigOf(name),
		"--hostname-override="+name,
		"--node-ip="+listed(p, func(family int) net.IP { return p.node(node, family) }),
		fmt.Sprintf("--node-labels=topology.kubernetes.io/region=region1,topology.kubernetes.io/zone=zone%d", node+1),
	); err != nil {
		return err
	}
	_, err = l.keepComponent("kube-proxy", "--config=/etc/kubernetes/kube-proxy.yaml")
	return err
}

// bindNodeFolders puts those folders of a node on the disk itself that cannot be in an overlay or must not be in
// memory.
func (p plan) bindNodeFolders(name string) error {
	for _, folder := range []string{"/var/lib/containerd", "/var/lib/kubelet"} {
		if err := bind(filepath.Join(p.file(name), filepath.Base(folder)), folder); err != nil {
			return err
		}
	}
	return nil
}

// makeCgroup makes a cgroup for a node's pods in every hierarchy: of version 1, or in the one of version 2.
func makeCgroup(name string) error {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return makeCgroup2(name)
	}
	hierarchies, err := filepath.Glob(filepath.Join(cgroupRoot, "*", "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, file := range hierarchies {
		hierarchy := filepath.Dir(file)
		if err := os.MkdirAll(filepath.Join(hierarchy, name), 0o755); err != nil {
			return err
		}
	}
	// A new cpuset has no processors; without them nothing can run in it.
	for _, path := range []string{filepath.Dir(name), name} {
		for _, setting := range []string{"cpuset.cpus", "cpuset.mems"} {
			all, err := os.ReadFile(filepath.Join(cgroupRoot, "cpuset", setting))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(cgroupRoot, "cpuset", path, setting), all, 0)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// makeCgroup2 makes a cgroup of version 2 that has every controller of the root.
func makeCgroup2(name string) error {
	if err := os.MkdirAll(filepath.Join(cgroupRoot, name), 0o755); err != nil {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, parent := range []string{"", filepath.Dir(name)} {
		for _, controller := range strings.Fields(string(controllers)) {
			file := filepath.Join(cgroupRoot, parent, "cgroup.subtree_control")
			if err := os.WriteFile(file, []byte("+"+controller), 0); err != nil {
				return fmt.Errorf("cgroup controller %s: %w", controller, err)
			}
		}
	}
	return nil
}

func (p plan) writeNodeFiles(node int, cgroup string) error {
	a := &authority{dir: p.file("pki")}
	nodeName := nodeMachines[node]
	plugins, err := filepath.Glob(filepath.Join(cniPlugins, "*"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll("/opt/cni/bin", 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, plugin := range plugins {
		name := filepath.Base(plugin)
		if p.IPv6 && name == podNetworkPlugin {
			plugin = self
		}
		err := os.Symlink(plugin, filepath.Join("/opt/cni/bin", name))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	var ranges, routes []string
	for _, family := range p.families() {
		ranges = append(ranges, `[{"subnet": "`+p.podsOf(node, family).String()+`"}]`)
		routes = append(routes, `{"dst": "`+[]string{"0.0.0.0/0", "::/0"}[family]+`"}`)
	}
	files := map[string]string{
		"/etc/containerd/config.toml": `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true # lowering one's score takes a capability that a container's root has not
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`,
		// Pods are routed, not bridged: so every packet between them passes the rules of kube-proxy. Their own
		// addresses are kept across nodes.
		"/etc/cni/net.d/10-mesh.conflist": `{
  "cniVersion": "0.4.0",
  "name": "mesh",
  "plugins": [
    {"type": "ptp", "ipMasq": false, "ipam": {
      "type": "host-local", "ranges": [` + strings.Join(ranges, ", ") + `], "routes": [` +
			strings.Join(routes, ", ") + `]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`,
		"/etc/kubernetes/resolv.conf": "nameserver " + p.control(ipv4).String() + "\n",
		"/etc/kubernetes/kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: ` + a.file("ca.crt") + `}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
tlsCertFile: ` + a.file(nodeName+".crt") + `
tlsPrivateKeyFile: ` + a.file(nodeName+".key") + `
containerRuntimeEndpoint: unix://` + containerdSocket + `
cgroupDriver: cgroupfs
cgroupRoot: /` + cgroup + `
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: ["` + p.dns(ipv4).String() + `"]
clusterDomain: cluster.local
resolvConf: /etc/kubernetes/resolv.conf
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
`,
		"/etc/kubernetes/kube-proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: ` + p.kubeconfigOf("kube-proxy") + `}
mode: iptables
clusterCIDR: ` + listed(p, p.pods) + `
hostnameOverride: ` + nodeName + `
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s} # the host's own
`,
	}
	for file, content := range files {
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644))
		if err != nil {
			return err
		}
	}
	return nil
}

// importImage gives the images in a tar to this node.
func (l *launcher) importImage(tar string) error {
	content, err := os.Open(tar)
	if err != nil {
		return err
	}
	defer content.Close()
	command := exec.Command("ctr", importArguments...)
	command.Stdin = content
	importing, err := l.startCommand("images", command)
	if err != nil {
		return err
	}
	<-importing.ended
	if importing.err != nil {
		return fmt.Errorf("%s is not an image that containerd takes: %w", tar, importing.failure())
	}
	return nil
}

// awaitSocket waits until a program listens on a socket.
func awaitSocket(path string, program *process) error {
	for {
		if connection, err := net.Dial("unix", path); err == nil {
			return connection.Close()
		}
		select {
		case <-program.ended:
			return program.failure()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
