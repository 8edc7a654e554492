package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The ranges that a cluster may have: 10.197.0.0/16 and those after it, which few networks use.
const (
	firstOctet = 197
	lastOctet  = 216
)

// freeOctet gives a range that no route of this host leads into.
func freeOctet() (int, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return 0, fmt.Errorf("the host's routes cannot be read: %w", err)
	}
	for octet := firstOctet; octet <= lastOctet; octet++ {
		network, taken := plan{Octet: octet}.network(), false
		for _, route := range routes {
			if route.Dst == nil {
				continue
			}
			if size, _ := route.Dst.Mask.Size(); size == 0 {
				continue // the default route leads everywhere
			}
			taken = taken || route.Dst.Contains(network.IP) || network.Contains(route.Dst.IP)
		}
		if !taken {
			return octet, nil
		}
	}
	return 0, fmt.Errorf("the host has routes into all of 10.%d.0.0/16 to 10.%d.0.0/16; end another cluster (`ip route` "+
		"shows them as meshN)", firstOctet, lastOctet)
}

// layNetwork joins the machines, given by the ids of their first processes, and the host.
//
//	host mesh197 ─── control host0
//	                 control bridge0 ─┬─ node1 eth0
//	                                  └─ node2 eth0
//
// The host gets one device and one route. All of it goes with the machines' network namespaces.
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
	err = errors.Join(
		up(inControl, "lo"),
		inControl.LinkAdd(&netlink.Bridge{LinkAttrs: named("bridge0")}),
		join(host, p.hostLink(), controlNamespace, "host0"),
		attach(inControl, "host0", "bridge0"),
		addressed(inControl, "bridge0", p.control()),
		addressed(host, p.hostLink(), p.host()),
		route(host, p.network(), p.control()))
	if err != nil {
		return fmt.Errorf("no network between the host and the cluster: %w", err)
	}
	for i, pid := range nodes {
		if err := p.layNodeNetwork(inControl, i, pid, len(nodes)); err != nil {
			return fmt.Errorf("no network for %s: %w", nodeMachines[i], err)
		}
	}
	// Any node knows the Services.
	return errors.Join(route(inControl, p.services(), p.node(0)), route(inControl, p.balancers(), p.node(0)))
}

func (p plan) layNodeNetwork(inControl *netlink.Handle, node, pid, nodes int) error {
	inNode, namespace, err := enter(pid)
	if err != nil {
		return err
	}
	defer inNode.Close()
	defer namespace.Close()
	port := "port-" + nodeMachines[node]
	err = errors.Join(
		up(inNode, "lo"),
		join(inControl, port, namespace, "eth0"),
		attach(inControl, port, "bridge0"),
		addressed(inNode, "eth0", p.node(node)),
		route(inNode, nil, p.control()),
		route(inControl, p.podsOf(node), p.node(node)))
	for other := range nodes {
		if other != node {
			err = errors.Join(err, route(inNode, p.podsOf(other), p.node(other)))
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

// addressed gives a device an address of the machines' network, and takes it up.
func addressed(in *netlink.Handle, name string, address net.IP) error {
	link, err := in.LinkByName(name)
	if err != nil {
		return err
	}
	network := &net.IPNet{IP: address, Mask: net.CIDRMask(24, 32)}
	return errors.Join(in.AddrAdd(link, &netlink.Addr{IPNet: network}), in.LinkSetUp(link))
}

// route leads to a network, or everywhere if that is nil.
func route(in *netlink.Handle, to *net.IPNet, by net.IP) error {
	if err := in.RouteAdd(&netlink.Route{Dst: to, Gw: by}); err != nil {
		return fmt.Errorf("route to %v by %v: %w", to, by, err)
	}
	return nil
}

// removeLink removes a network device of the host. The kernel does so itself when the machines' networks go, but takes
// its time if a connection lingers.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
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
