package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// The names under which the API server is known inside a cluster.
var apiServerNames = []string{
	"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
}

// etcdAddresses are the loopback ports of an etcd.
type etcdAddresses struct{ clients, peers int }

func (e etcdAddresses) url() string {
	return "http://127.0.0.1:" + strconv.Itoa(e.clients)
}

// etcdFlags are those of an etcd that keeps its data in a folder. Nothing in it must survive a crash of the machine.
func etcdFlags(data string, addresses etcdAddresses) []string {
	peers := "http://127.0.0.1:" + strconv.Itoa(addresses.peers)
	return []string{
		"--data-dir=" + data,
		"--unsafe-no-fsync",
		"--listen-client-urls=" + addresses.url(),
		"--advertise-client-urls=" + addresses.url(),
		"--listen-peer-urls=" + peers,
		"--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=default=" + peers,
		"--log-level=warn",
	}
}

// apiServer is how a kube-apiserver is to run.
type apiServer struct {
	bind      string // address that it listens on
	advertise string // address that pods reach it under
	port      int
	services  string // CIDR of Services; of two families, with a comma
}

// flags are those of a kube-apiserver with the certificates apiserver, admin and sa of the authority.
func (s apiServer) flags(a *authority, etcd etcdAddresses) []string {
	return []string{
		"--etcd-servers=" + etcd.url(),
		"--bind-address=" + s.bind,
		"--advertise-address=" + s.advertise,
		"--secure-port=" + strconv.Itoa(s.port),
		"--tls-cert-file=" + a.file("apiserver.crt"),
		"--tls-private-key-file=" + a.file("apiserver.key"),
		"--client-ca-file=" + a.file("ca.crt"),
		"--service-account-key-file=" + a.file("sa.pub"),
		"--service-account-signing-key-file=" + a.file("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range=" + s.services,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--kubelet-client-certificate=" + a.file("admin.crt"),
		"--kubelet-client-key=" + a.file("admin.key"),
		"--kubelet-certificate-authority=" + a.file("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP", // nodes have no names in DNS
		"--enable-aggregator-routing=true",             // webhooks are called at their pods, for want of a kube-proxy here
	}
}

// runControlPlane starts the control plane and returns once the API server is ready.
func (p plan) runControlPlane(l *launcher) error {
	a, err := readAuthority(p.file("pki"))
	if err != nil {
		return err
	}
	addresses := etcdAddresses{clients: 2379, peers: 2380}
	etcd, err := l.keepComponent("etcd", etcdFlags(p.file("etcd"), addresses)...)
	if err != nil {
		return err
	}
	server := apiServer{bind: "0.0.0.0", advertise: p.control(ipv4).String(), port: 6443,
		services: listed(p, p.services)}
	apiserver, err := l.keepComponent("kube-apiserver", server.flags(a, addresses)...)
	if err != nil {
		return err
	}
	if err := p.awaitAPIServer(a, etcd, apiserver); err != nil {
		return err
	}
	if _, err := l.keepComponent("kube-controller-manager",
		"--kubeconfig="+p.kubeconfigOf("controller-manager"),
		"--service-account-private-key-file="+a.file("sa.key"),
		"--root-ca-file="+a.file("ca.crt"),
		"--cluster-signing-cert-file="+a.file("ca.crt"),
		"--cluster-signing-key-file="+a.file("ca.key"),
		"--use-service-account-credentials=true",
		"--allocate-node-cidrs=false", // each node knows its pods' range
		"--leader-elect=false"); err != nil {
		return err
	}
	if _, err := l.keepComponent("kube-scheduler",
		"--kubeconfig="+p.kubeconfigOf("scheduler"),
		"--leader-elect=false"); err != nil {
		return err
	}
	if _, err := l.keepComponent("load-balancer",
		"--kubeconfig="+p.kubeconfig(),
		"--ranges="+listed(p, p.balancers)); err != nil {
		return err
	}
	if err := os.WriteFile(p.file("Corefile"), []byte(p.corefile()), 0o644); err != nil {
		return err
	}
	_, err = l.keepComponent("coredns", "-conf", p.file("Corefile"))
	return err
}

// corefile has CoreDNS answer for Services and pods; any other name does not exist.
func (p plan) corefile() string {
	return `.:53 {
    errors
    ready :8181
    cache 5
    loadbalance
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ` + p.kubeconfig() + `
        pods insecure
    }
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`
}

// awaitAPIServer waits until the API server of a cluster is ready.
func (p plan) awaitAPIServer(a *authority, processes ...*process) error {
	client, err := a.client("admin")
	if err != nil {
		return err
	}
	patience, enough := context.WithTimeout(context.Background(), apiServerPatience)
	defer enough()
	return awaitReady(patience, p.apiServer(), client, processes...)
}

// awaitReady asks the API server for /readyz until it says ok, one of the processes ends, or the context does.
func awaitReady(ctx context.Context, address string, client *tls.Config, processes ...*process) error {
	transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}
	asking := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	for {
		answer, err := ask(ctx, asking, "https://"+address+"/readyz")
		if err == nil && answer == "ok" {
			return nil
		}
		for _, p := range processes {
			select {
			case <-p.ended:
				return p.failure()
			default:
			}
		}
		select {
		case <-ctx.Done():
			if err != nil {
				answer = err.Error()
			}
			return fmt.Errorf("the API server at %s is not ready: %s", address, answer)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return string(body), err
}

// freePorts gives loopback ports that nobody listens on at this moment.
func freePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // all are held until the last is chosen, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
