package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Machines of a cluster: the control plane has one, and each node.
const controlMachine = "control"

var nodeMachines = []string{"node1", "node2"}

// plan says where the parts of a cluster are. It lies in the cluster's folder, for the machines and for whoever comes
// later. All addresses of a cluster are of one range of each family, 10.OCTET.0.0/16 and fd6d:6573:6800:OCTET00::/56:
//
//	10.OCTET.0.0/24     fd6d:…:OCTET00::/64   machines: .1 control plane, .11 node1, .12 node2, .254 the host's end
//	10.OCTET.1.0/24     fd6d:…:OCTET01::/120  Services of type LoadBalancer, from outside
//	10.OCTET.64.0/18    fd6d:…:OCTET40::/112  Services
//	10.OCTET.128.0/17   fd6d:…:OCTET80::/57   pods: 10.OCTET.129.0/24, fd6d:…:OCTET81::/64 on node1, 130 and 82 on node2
type plan struct {
	Dir    string `json:"dir"`    // absolute; all that the cluster writes is in there
	Octet  int    `json:"octet"`  // the second byte of the IPv4 range, the seventh of the IPv6 range
	IPv6   bool   `json:"ipv6"`   // false: IPv4 alone
	Images string `json:"images"` // folder of image tars for the nodes; empty: none
}

// The families of IP, in the order in which a cluster has them.
const (
	ipv4 = iota
	ipv6
)

// families are those that the cluster has.
func (p plan) families() []int {
	if p.IPv6 {
		return []int{ipv4, ipv6}
	}
	return []int{ipv4}
}

// address is one of the cluster's, of a family.
func (p plan) address(family int, subnet, host byte) net.IP {
	if family == ipv4 {
		return net.IPv4(10, byte(p.Octet), subnet, host).To4()
	}
	return net.IP{0xfd, 0x6d, 0x65, 0x73, 0x68, 0, byte(p.Octet), subnet, 15: host}
}

// subnet is one that begins with such an address; the sizes of its prefix are given for both families.
func (p plan) subnet(family int, subnet byte, prefixes [2]int) *net.IPNet {
	first := p.address(family, subnet, 0)
	return &net.IPNet{IP: first, Mask: net.CIDRMask(prefixes[family], 8*len(first))}
}

func (p plan) network(family int) *net.IPNet   { return p.subnet(family, 0, [2]int{16, 56}) }
func (p plan) machines(family int) *net.IPNet  { return p.subnet(family, 0, [2]int{24, 64}) }
func (p plan) balancers(family int) *net.IPNet { return p.subnet(family, 1, [2]int{24, 120}) }
func (p plan) services(family int) *net.IPNet  { return p.subnet(family, 64, [2]int{18, 112}) }
func (p plan) pods(family int) *net.IPNet      { return p.subnet(family, 128, [2]int{17, 57}) }
func (p plan) podsOf(node, family int) *net.IPNet {
	return p.subnet(family, byte(129+node), [2]int{24, 64})
}

func (p plan) host(family int) net.IP       { return p.address(family, 0, 254) }
func (p plan) control(family int) net.IP    { return p.address(family, 0, 1) }
func (p plan) node(node, family int) net.IP { return p.address(family, 0, byte(11+node)) }
func (p plan) kubernetes() net.IP           { return p.address(ipv4, 64, 1) }
func (p plan) dns(family int) net.IP        { return p.address(family, 64, 10) }
func (p plan) apiServer() string            { return net.JoinHostPort(p.control(ipv4).String(), "6443") }

// listed is something of each family, as Kubernetes' flags take it.
func listed[T fmt.Stringer](p plan, of func(family int) T) string {
	var all []string
	for _, family := range p.families() {
		all = append(all, of(family).String())
	}
	return strings.Join(all, ",")
}

func (p plan) file(name string) string { return filepath.Join(p.Dir, name) }
func (p plan) kubeconfig() string      { return p.file("kubeconfig") }
func (p plan) kubeconfigOf(user string) string {
	return p.file(filepath.Join("pki", user+".kubeconfig"))
}
func (p plan) logs() string             { return p.file("logs") }
func (p plan) logOf(name string) string { return filepath.Join(p.logs(), "machine-"+name+".log") }

// hostLink is the name of the host's network device into the cluster.
func (p plan) hostLink() string {
	return fmt.Sprint("mesh", p.Octet)
}

// cgroupName is the cgroup that holds the pods of the cluster in a folder. It is derived from the folder alone, so
// that it can be found when nothing else is left.
func cgroupName(dir string) string {
	hash := sha256.Sum256([]byte(dir))
	return "mesh-cluster-" + hex.EncodeToString(hash[:4])
}

const planFile = "cluster.json"

func (p plan) write() error {
	content, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(p.file(planFile), append(content, '\n'), 0o644)
}

// readPlan reads the plan of the cluster in a folder; found is false if there is none.
func readPlan(dir string) (p plan, found bool, err error) {
	content, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, os.ErrNotExist) {
		return plan{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &p)
	}
	return p, err == nil, err
}
