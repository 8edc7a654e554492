package dev.mesh.pilot.model;

import java.util.List;
import java.util.Map;

/// Who asks for configuration: what the first request of an xDS stream says of itself
/// (`envoy.config.core.v3.Node`, with Istio's metadata keys).
///
/// @param id `<type>~<ip>~<workload>.<namespace>~<namespace>.svc.cluster.local`
/// @param addresses IP addresses of the workload; the first is the one in the id
/// @param namespace that the workload lives in
/// @param labels of the workload (metadata LABELS); selectors are matched against them
/// @param interception how traffic reaches the proxy (metadata INTERCEPTION_MODE)
/// @param outboundAddress where a sidecar in mode NONE binds its outbound listeners (metadata
///     MESH_OUTBOUND_ADDRESS); empty = `127.0.0.1`
/// @param applicationPorts in mode NONE, service port → port that the application really listens on, on
///     127.0.0.1 (metadata MESH_APPLICATION_PORTS), and for a gateway, port of a Gateway → port to listen on; a port
///     that is not in it is itself
/// @param vhds whether virtual hosts are sent one by one
/// @param pushCommit whether each push ends with a PushCommit
/// @param secretsOf the namespace whose Secrets it may be given, by the identity that it has proven; empty: none
/// @param dnsCapture whether the application's DNS questions come to the proxy (metadata DNS_CAPTURE)
/// @param namesApart whether it takes the name table in parts, a resource for each host
public record ProxyNode(
        String id,
        Type type,
        List<String> addresses,
        String namespace,
        String cluster,
        Map<String, String> labels,
        String region,
        String zone,
        String subzone,
        Interception interception,
        String outboundAddress,
        Map<Integer, Integer> applicationPorts,
        boolean vhds,
        boolean pushCommit,
        String secretsOf,
        boolean dnsCapture,
        boolean namesApart) {
    public ProxyNode {
        addresses = List.copyOf(addresses);
        labels = Map.copyOf(labels);
        applicationPorts = Map.copyOf(applicationPorts);
    }

    /// The same, which may be given the Secrets of a namespace.
    ///
    /// @param namespace empty: of none
    public ProxyNode mayReadSecretsOf(String namespace) {
        return new ProxyNode(
                id,
                type,
                addresses,
                this.namespace,
                cluster,
                labels,
                region,
                zone,
                subzone,
                interception,
                outboundAddress,
                applicationPorts,
                vhds,
                pushCommit,
                namespace,
                dnsCapture,
                namesApart);
    }

    public enum Type {
        SIDECAR,
        /// A gateway: edge or inside the mesh.
        ROUTER,
        /// A gRPC library as client (metadata GENERATOR=grpc): gets api_listeners.
        PROXYLESS
    }

    /// Whether it asks for the names of the mesh. ServiceEntries without addresses are given some for it then.
    public boolean answersNames() {
        return type == Type.SIDECAR && dnsCapture;
    }

    /// Whether traffic comes to the proxy without its peers' doing.
    public boolean intercepts() {
        return type == Type.SIDECAR && interception != Interception.NONE;
    }

    /// Whether it shares its machine's network with others of the mesh, each of which has a loopback address: a local
    /// mesh. All others have a network namespace of their own.
    public boolean isOnLoopback() {
        return addresses.getFirst().startsWith("127.") || addresses.getFirst().equals("::1");
    }

    /// Whether it has an address of the family of `address`.
    public boolean speaks(String address) {
        boolean six = address.contains(":");
        return addresses.stream().anyMatch(own -> own.contains(":") == six);
    }

    /// All addresses of the first family that it has: `0.0.0.0`, or `::` if it has no IPv4 address.
    public String anyAddress() {
        return addresses.stream().allMatch(address -> address.contains(":")) ? "::" : "0.0.0.0";
    }

    /// All addresses of its other family, `::`; empty if it has one family.
    public String otherAnyAddress() {
        return anyAddress().equals("0.0.0.0") && addresses.stream().anyMatch(address -> address.contains(":"))
                ? "::"
                : "";
    }

    public enum Interception {
        /// Traffic comes to bound ports.
        NONE,
        REDIRECT,
        TPROXY
    }
}
