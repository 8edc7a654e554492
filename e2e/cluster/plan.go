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
)

// Machines of a cluster: the control plane has one, and each node.
const controlMachine = "control"

var nodeMachines = []string{"node1", "node2"}

// plan says where the parts of a cluster are. It lies in the cluster's folder, for the machines and for whoever comes
// later. All addresses of a cluster are of one range, 10.OCTET.0.0/16:
//
//	10.OCTET.0.0/24     machines: .1 control plane, .11 node1, .12 node2, .254 the host's end
//	10.OCTET.1.0/24     Services of type LoadBalancer, from outside
//	10.OCTET.64.0/18    Services
//	10.OCTET.128.0/17   pods: 10.OCTET.129.0/24 on node1, 10.OCTET.130.0/24 on node2
type plan struct {
	Dir    string `json:"dir"`    // absolute; all that the cluster writes is in there
	Octet  int    `json:"octet"`  // the range's second byte
	Images string `json:"images"` // folder of image tars for the nodes; empty: none
}

func (p plan) address(third, fourth byte) net.IP {
	return net.IPv4(10, byte(p.Octet), third, fourth).To4()
}

func (p plan) network() *net.IPNet {
	return &net.IPNet{IP: p.address(0, 0), Mask: net.CIDRMask(16, 32)}
}

func (p plan) services() *net.IPNet {
	return &net.IPNet{IP: p.address(64, 0), Mask: net.CIDRMask(18, 32)}
}

func (p plan) balancers() *net.IPNet {
	return &net.IPNet{IP: p.address(1, 0), Mask: net.CIDRMask(24, 32)}
}

func (p plan) pods() *net.IPNet {
	return &net.IPNet{IP: p.address(128, 0), Mask: net.CIDRMask(17, 32)}
}

func (p plan) podsOf(node int) *net.IPNet {
	return &net.IPNet{IP: p.address(byte(129+node), 0), Mask: net.CIDRMask(24, 32)}
}

func (p plan) host() net.IP            { return p.address(0, 254) }
func (p plan) control() net.IP         { return p.address(0, 1) }
func (p plan) node(node int) net.IP    { return p.address(0, byte(11+node)) }
func (p plan) kubernetes() net.IP      { return p.address(64, 1) }
func (p plan) dns() net.IP             { return p.address(64, 10) }
func (p plan) apiServer() string       { return net.JoinHostPort(p.control().String(), "6443") }
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
