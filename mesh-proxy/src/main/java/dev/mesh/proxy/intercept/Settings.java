package dev.mesh.proxy.intercept;

import java.util.List;

/// What is to be captured: the flags of `mesh-proxy iptables`.
///
/// @param outboundPort of the proxy, for what the pod sends; `-p`, default 15001
/// @param inboundPort of the proxy, for what comes to the pod; `-z`, default 15006
/// @param tunnelPort that is never captured on its way in; `-e`, default 15008
/// @param users whose processes are the proxy, so that nothing of theirs is captured; `-u`, default 1337
/// @param groups the same; `-g`, default the users
/// @param mark of packets that are led to the proxy by TPROXY; `-t`, default 1337
/// @param routeTable of such packets; `-r`, default 133
/// @param inbound ports that are captured; `-b`
/// @param excludedInboundPorts where all are; `-d`
/// @param outboundCidrs destinations that are captured; `-i`
/// @param excludedCidrs that are not; `-x`
/// @param outboundPorts destinations that are captured whatever their address; `-q`
/// @param excludedOutboundPorts that are not; `-o`
/// @param excludedInterfaces whose traffic is not captured in either direction; `-c`
/// @param virtualInterfaces whose inbound traffic is what a virtual machine sends out; `-k`
/// @param ownerGroups if there are any, only what their processes send is captured
/// @param nameServers of the machine, for [DnsCapture#SERVERS]
/// @param loopbackCidr IPv4 destinations that are the pod itself; default 127.0.0.1/32
record Settings(
        int outboundPort,
        int inboundPort,
        int tunnelPort,
        List<Long> users,
        List<Long> groups,
        Mode mode,
        long mark,
        int routeTable,
        Ports inbound,
        List<Integer> excludedInboundPorts,
        Cidrs outboundCidrs,
        Cidrs excludedCidrs,
        List<Integer> outboundPorts,
        List<Integer> excludedOutboundPorts,
        List<String> excludedInterfaces,
        List<String> virtualInterfaces,
        List<Long> ownerGroups,
        List<Long> excludedOwnerGroups,
        DnsCapture redirectDns,
        List<String> nameServers,
        boolean dropInvalid,
        String loopbackCidr) {

    /// How inbound connections come to the proxy: with a new destination, or as they are.
    enum Mode {
        REDIRECT,
        TPROXY
    }

    /// Which questions to name servers are captured.
    enum DnsCapture {
        OFF,
        /// Those to the servers in the machine's `resolv.conf`.
        SERVERS,
        ALL;

        boolean isOff() {
            return this == OFF;
        }
    }

    /// @param any all ports
    record Ports(boolean any, List<Integer> ports) {
        boolean isNone() {
            return !any && ports.isEmpty();
        }
    }

    /// Ranges of addresses of both families.
    ///
    /// @param any all addresses
    record Cidrs(boolean any, List<String> ipv4, List<String> ipv6) {
        List<String> of(Family family) {
            return family == Family.IPV4 ? ipv4 : ipv6;
        }

        boolean hasLoopback() {
            return ipv4.stream().anyMatch(cidr -> cidr.startsWith("127.")) || ipv6.contains("::1/128");
        }
    }

    List<String> dnsServers(Family family) {
        return nameServers.stream()
                .filter(server -> server.contains(":") == (family == Family.IPV6))
                .toList();
    }

    /// With these name servers, which are the machine's.
    Settings with(List<String> servers) {
        return with(redirectDns, servers);
    }

    /// Without capturing questions to name servers.
    Settings withoutDns() {
        return with(DnsCapture.OFF, nameServers);
    }

    private Settings with(DnsCapture dns, List<String> servers) {
        return new Settings(
                outboundPort,
                inboundPort,
                tunnelPort,
                users,
                groups,
                mode,
                mark,
                routeTable,
                inbound,
                excludedInboundPorts,
                outboundCidrs,
                excludedCidrs,
                outboundPorts,
                excludedOutboundPorts,
                excludedInterfaces,
                virtualInterfaces,
                ownerGroups,
                excludedOwnerGroups,
                dns,
                List.copyOf(servers),
                dropInvalid,
                loopbackCidr);
    }
}
