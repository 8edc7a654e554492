package dev.mesh.api.read;

import dev.mesh.api.extensions.TrafficExtension;
import dev.mesh.api.extensions.WasmPlugin;
import dev.mesh.api.k8s.EndpointSlice;
import dev.mesh.api.k8s.Namespace;
import dev.mesh.api.k8s.Node;
import dev.mesh.api.k8s.Pod;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.local.LocalProcess;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.EnvoyFilter;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ProxyConfig;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.networking.WorkloadGroup;
import dev.mesh.api.security.AuthorizationPolicy;
import dev.mesh.api.security.PeerAuthentication;
import dev.mesh.api.security.RequestAuthentication;
import dev.mesh.api.telemetry.Telemetry;
import java.util.List;
import java.util.Optional;

/// The kinds that have a record.
public final class Kinds {
    private static final List<String> NETWORKING = List.of("v1", "v1beta1", "v1alpha3");
    private static final List<String> SECURITY = List.of("v1", "v1beta1");

    /// In no order that matters.
    public static final List<Kind> ALL = List.of(
            new Kind("", "Service", List.of("v1"), true, Service.class),
            new Kind("", "Namespace", List.of("v1"), false, Namespace.class),
            new Kind("", "Pod", List.of("v1"), true, Pod.class),
            new Kind("", "Node", List.of("v1"), false, Node.class),
            new Kind("", "Secret", List.of("v1"), true, Secret.class),
            new Kind("discovery.k8s.io", "EndpointSlice", List.of("v1"), true, EndpointSlice.class),
            new Kind("networking.istio.io", "VirtualService", NETWORKING, true, VirtualService.class),
            new Kind("networking.istio.io", "DestinationRule", NETWORKING, true, DestinationRule.class),
            new Kind("networking.istio.io", "Gateway", NETWORKING, true, Gateway.class),
            new Kind("networking.istio.io", "ServiceEntry", NETWORKING, true, ServiceEntry.class),
            new Kind("networking.istio.io", "WorkloadEntry", NETWORKING, true, WorkloadEntry.class),
            new Kind("networking.istio.io", "WorkloadGroup", NETWORKING, true, WorkloadGroup.class),
            new Kind("networking.istio.io", "Sidecar", NETWORKING, true, Sidecar.class),
            new Kind("networking.istio.io", "ProxyConfig", List.of("v1beta1"), true, ProxyConfig.class),
            new Kind("networking.istio.io", "EnvoyFilter", List.of("v1alpha3"), true, EnvoyFilter.class),
            new Kind("security.istio.io", "PeerAuthentication", SECURITY, true, PeerAuthentication.class),
            new Kind("security.istio.io", "RequestAuthentication", SECURITY, true, RequestAuthentication.class),
            new Kind("security.istio.io", "AuthorizationPolicy", SECURITY, true, AuthorizationPolicy.class),
            new Kind("telemetry.istio.io", "Telemetry", List.of("v1", "v1alpha1"), true, Telemetry.class),
            new Kind("extensions.istio.io", "WasmPlugin", List.of("v1alpha1"), true, WasmPlugin.class),
            new Kind("extensions.istio.io", "TrafficExtension", List.of("v1alpha1"), true, TrafficExtension.class),
            new Kind("mesh.dev", "LocalProcess", List.of("v1alpha1"), true, LocalProcess.class));

    private Kinds() {}

    static Optional<Kind> find(String group, String kind) {
        return ALL.stream()
                .filter(known -> known.group().equals(group) && known.name().equals(kind))
                .findFirst();
    }

    /// The kind that was surely meant by one of no known group, with its group; empty if none is close.
    static String meant(String group, String kind) {
        for (Kind known : ALL) {
            boolean ownGroup = group.equals(known.group());
            boolean closeGroup =
                    ownGroup || Suggestion.of(group, List.of(known.group())).isPresent();
            boolean closeKind = Suggestion.of(kind, List.of(known.name())).isPresent();
            if (closeGroup && closeKind) {
                return known.name() + (ownGroup ? "" : " of " + known.group());
            }
        }
        return "";
    }

    /// Names of the kinds of a group of which every kind ought to be known; empty for foreign groups.
    static List<String> closedGroup(String group) {
        return group.isEmpty()
                ? List.of()
                : ALL.stream()
                        .filter(known -> known.group().equals(group))
                        .map(Kind::name)
                        .toList();
    }

    /// @param namespaced whether objects of the kind live in a namespace
    public record Kind(
            String group, String name, List<String> versions, boolean namespaced, Class<? extends Record> type) {}
}
