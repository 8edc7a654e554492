package dev.mesh.api.xds;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The resource types of xDS v3 that mesh speaks, declared in the order in which they are pushed
/// (xDS protocol, "Eventual consistency considerations": make before break).
public enum XdsType {
    CLUSTER("envoy.config.cluster.v3.Cluster", "CDS", true),
    ENDPOINT("envoy.config.endpoint.v3.ClusterLoadAssignment", "EDS", false),
    LISTENER("envoy.config.listener.v3.Listener", "LDS", true),
    ROUTE("envoy.config.route.v3.RouteConfiguration", "RDS", false),
    /// Virtual hosts one by one; delta only. Resource names are `<route configuration>/<host>`.
    VIRTUAL_HOST("envoy.config.route.v3.VirtualHost", "VHDS", false),
    SECRET("envoy.extensions.transport_sockets.tls.v3.Secret", "SDS", false),
    /// Istio's: the names that the proxy's DNS server answers, one resource for all; of hosts one by one for clients
    /// that announce [ClientFeatures#NAMES_APART].
    NAME_TABLE("istio.networking.nds.v1.NameTable", "NDS", true),
    /// Ours: ends a push for clients that announce [ClientFeatures#PUSH_COMMIT].
    PUSH_COMMIT("mesh.v1.PushCommit", "PushCommit", true);

    private static final String PREFIX = "type.googleapis.com/";
    private static final List<XdsType> ALL = List.of(values());

    private final String typeUrl;
    private final String shortName;
    private final boolean wildcard;

    XdsType(String message, String shortName, boolean wildcard) {
        this.typeUrl = PREFIX + message;
        this.shortName = shortName;
        this.wildcard = wildcard;
    }

    public String typeUrl() {
        return typeUrl;
    }

    /// `CDS`, `EDS`, ...: how people call the type.
    public String shortName() {
        return shortName;
    }

    /// Whether a first request without names subscribes to everything (LDS and CDS in the xDS protocol).
    public boolean wildcardByDefault() {
        return wildcard;
    }

    /// The type with this URL, or null if it is none that mesh speaks.
    public static @Nullable XdsType ofTypeUrl(String typeUrl) {
        for (XdsType type : ALL) {
            if (type.typeUrl.equals(typeUrl)) {
                return type;
            }
        }
        return null;
    }
}
