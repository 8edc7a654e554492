package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The ranges that a cluster may have: 10.197.0.0/16 and those after it, which few networks use.
const (
	firstOctet = 197
	lastOctet  = 216
)

// hasIPv6 says whether this host has IPv6 for a cluster, and iptables for it.
func hasIPv6() bool {
	for _, device := range []string{"all", "default"} {
		disabled, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6")
		if err != nil || strings.TrimSpace(string(disabled)) != "0" {
			return false
		}
	}
	return exec.Command("ip6tables", "--table", "nat", "--list-rules").Run() == nil
}

// lockRanges keeps other clusters from choosing a range until this one's is seen in the host's routes. The lock is one
// on a folder that is there anyway, and goes with the file.
func lockRanges() (*os.File, error) {
	folder, err := os.Open("/run")
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be locked: %w", folder.Name(), err), folder.Close())
	}
	return folder, nil
}

// findRange chooses one that no route of this host leads into.
func (p *plan) findRange() error {
	var routes []netlink.Route
	for _, family := range p.families() {
		some, err := netlink.RouteList(nil, []int{netlink.FAMILY_V4, netlink.FAMILY_V6}[family])
		if err != nil {
			return fmt.Errorf("the host's routes cannot be read: %w", err)
		}
		routes = append(routes, some...)
	}
	for p.Octet = firstOctet; p.Octet <= lastOctet; p.Octet++ {
		if !slices.ContainsFunc(routes, p.crosses) {
			return nil
		}
	}
	return fmt.Errorf("the host has routes into all of 10.%d.0.0/16 to 10.%d.0.0/16; end another cluster (`ip route` "+
		"shows them as meshN)", firstOctet, lastOctet)
}

// crosses says whether a route leads into the cluster's range.
func (p *plan) crosses(route netlink.Route) bool {
	if route.Dst == nil {
		return false
	}
	if size, _ := route.Dst.Mask.Size(); size == 0 {
		return false // the default route leads everywhere
	}
	return slices.ContainsFunc(p.families(), func(family int) bool {
		network := p.network(family)
		return route.Dst.Contains(network.IP) || network.Contains(route.Dst.IP)
	})
}

// layNetwork joins the machines, given by the ids of their first processes, and the host.
//
//	host mesh197 ─── control host0
//	                 control bridge0 ─┬─ node1 eth0
//	                                  └─ node2 eth0
//
// The host gets one device, and one route of each family. All of it goes with the machines' network namespaces.
func (p plan) layNetwork(control int, nodes []int) error {
	host, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer host.Close()
	inControl, controlNamespace, err := enter(control)
	if err != nil {
		return err
	}
	defer inControl.Close()
	defer controlNamespace.Close()
	// Another cluster may have taken the range meanwhile: then nothing is done to its device.
	if err := p.ownHostLink(host, controlNamespace); err != nil {
		return fmt.Errorf("no network between the host and the cluster: %w", err)
	}
	err = errors.Join(
		up(inControl, "lo"),
		inControl.LinkAdd(&netlink.Bridge{LinkAttrs: named("bridge0")}),
		attach(inControl, "host0", "bridge0"),
		p.addressed(inControl, "bridge0", p.control),
		p.addressed(host, p.hostLink(), p.host),
		p.route(host, p.network, p.control))
	if err != nil {
		return fmt.Errorf("no network between the host and the cluster: %w", err)
	}
	for i, pid := range nodes {
		if err := p.layNodeNetwork(inControl, i, pid, len(nodes)); err != nil {
			return fmt.Errorf("no network for %s: %w", nodeMachines[i], err)
		}
	}
	// Any node knows the Services.
	first := func(family int) net.IP { return p.node(0, family) }
	return errors.Join(p.route(inControl, p.services, first), p.route(inControl, p.balancers, first))
}

// ownHostLink makes the host's network device, and writes on it whose it is: names are used again.
func (p plan) ownHostLink(host *netlink.Handle, control netns.NsHandle) error {
	if err := join(host, p.hostLink(), control, "host0"); err != nil {
		return err
	}
	link, err := host.LinkByName(p.hostLink())
	if err != nil {
		return err
	}
	return host.LinkSetAlias(link, cgroupName(p.Dir))
}

func (p plan) layNodeNetwork(inControl *netlink.Handle, node, pid, nodes int) error {
	inNode, namespace, err := enter(pid)
	if err != nil {
		return err
	}
	defer inNode.Close()
	defer namespace.Close()
	port := "port-" + nodeMachines[node]
	address := func(family int) net.IP { return p.node(node, family) }
	pods := func(family int) *net.IPNet { return p.podsOf(node, family) }
	err = errors.Join(
		up(inNode, "lo"),
		join(inControl, port, namespace, "eth0"),
		attach(inControl, port, "bridge0"),
		p.addressed(inNode, "eth0", address),
		p.route(inNode, everywhere, p.control),
		p.route(inControl, pods, address))
	for other := range nodes {
		if other != node {
			err = errors.Join(err, p.route(inNode,
				func(family int) *net.IPNet { return p.podsOf(other, family) },
				func(family int) net.IP { return p.node(other, family) }))
		}
	}
	return err
}

// enter gives a handle on the network of a process.
func enter(pid int) (*netlink.Handle, netns.NsHandle, error) {
	namespace, err := netns.GetFromPid(pid)
	if err != nil {
		return nil, namespace, err
	}
	handle, err := netlink.NewHandleAt(namespace)
	if err != nil {
		return nil, namespace, errors.Join(err, namespace.Close())
	}
	return handle, namespace, nil
}

// join makes a cable between a network and another one; both ends are up.
func join(here *netlink.Handle, name string, there netns.NsHandle, peer string) error {
	cable := &netlink.Veth{LinkAttrs: named(name), PeerName: peer, PeerNamespace: netlink.NsFd(there)}
	if err := here.LinkAdd(cable); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	far, err := netlink.NewHandleAt(there)
	if err != nil {
		return err
	}
	defer far.Close()
	return errors.Join(up(here, name), up(far, peer))
}

func named(name string) netlink.LinkAttrs {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	return attributes
}

func up(in *netlink.Handle, name string) error {
	link, err := in.LinkByName(name)
	if err != nil {
		return err
	}
	return in.LinkSetUp(link)
}

func attach(in *netlink.Handle, port, bridge string) error {
	link, err := in.LinkByName(port)
	if err != nil {
		return err
	}
	master, err := in.LinkByName(bridge)
	if err != nil {
		return err
	}
	return in.LinkSetMaster(link, master)
}

// addressed gives a device an address of the machines' network in each family, and takes it up.
func (p plan) addressed(in *netlink.Handle, name string, of func(family int) net.IP) error {
	link, err := in.LinkByName(name)
	if err != nil {
		return err
	}
	for _, family := range p.families() {
		network := &net.IPNet{IP: of(family), Mask: p.machines(family).Mask}
		// Nobody else has this address; the kernel would ask for a second or two, and not use it meanwhile.
		if err := in.AddrAdd(link, &netlink.Addr{IPNet: network, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("%v for %s: %w", network, name, err)
		}
	}
	return in.LinkSetUp(link)
}

// everywhere is the destination of a default route.
func everywhere(int) *net.IPNet { return nil }

// route leads to a network of each family.
func (p plan) route(in *netlink.Handle, to func(family int) *net.IPNet, by func(family int) net.IP) error {
	for _, family := range p.families() {
		if err := in.RouteAdd(&netlink.Route{Dst: to(family), Gw: by(family)}); err != nil {
			return fmt.Errorf("route to %v by %v: %w", to(family), by(family), err)
		}
	}
	return nil
}

// removeHostLink removes the cluster's network device of the host. The kernel does so itself when the machines' networks
// go, but takes its time if a connection lingers; meanwhile, or long after, one of that name may be another cluster's.
func (p plan) removeHostLink() error {
	link, err := netlink.LinkByName(p.hostLink())
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err == nil && link.Attrs().Alias != cgroupName(p.Dir) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if errors.Is(err, unix.ENODEV) {
		return nil // the kernel was faster
	}
	return err
}
