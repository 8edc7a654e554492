package dev.mesh.proxy.agent;

import com.google.protobuf.Any;
import com.google.protobuf.Struct;
import com.google.protobuf.util.Durations;
import dev.mesh.proxy.identity.WorkloadIdentity;
import dev.mesh.proxy.tls.FileSecrets;
import io.envoyproxy.envoy.config.bootstrap.v3.Admin;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.net.InetAddress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The Envoy bootstrap of a proxy in a pod. Pure.
public final class PodBootstrap {
    /// The control plane's cluster, as in Istio.
    private static final String XDS = "xds-grpc";

    private static final String HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    private PodBootstrap() {}

    /// `node.id` and `node.cluster`.
    record NodeName(String id, String cluster) {}

    /// @param root authorities that its certificate is verified by; null = plaintext
    /// @param name that its certificate must have, DNS or an IP address
    /// @param identified whether the workload's certificate is shown to it
    public record ControlPlane(
            String host, int port, @Nullable Path root, String name, boolean identified) {}

    static Bootstrap of(NodeName name, Struct metadata, int adminPort, ControlPlane control) {
        ConfigSource ads = ConfigSource.newBuilder()
                .setAds(AggregatedConfigSource.getDefaultInstance())
                .setResourceApiVersion(ApiVersion.V3)
                .build();
        return Bootstrap.newBuilder()
                .setNode(Node.newBuilder()
                        .setId(name.id())
                        .setCluster(name.cluster())
                        .setMetadata(metadata))
                .setAdmin(Admin.newBuilder().setAddress(address("127.0.0.1", adminPort)))
                .setDynamicResources(Bootstrap.DynamicResources.newBuilder()
                        .setLdsConfig(ads)
                        .setCdsConfig(ads)
                        .setAdsConfig(ApiConfigSource.newBuilder()
                                .setApiType(ApiConfigSource.ApiType.DELTA_GRPC)
                                .setTransportApiVersion(ApiVersion.V3)
                                .setSetNodeOnFirstMessageOnly(true)
                                .addGrpcServices(GrpcService.newBuilder()
                                        .setEnvoyGrpc(GrpcService.EnvoyGrpc.newBuilder()
                                                .setClusterName(XDS)))))
                .setStaticResources(Bootstrap.StaticResources.newBuilder().addClusters(cluster(control)))
                .build();
    }

    @SuppressWarnings("deprecation") // dns_refresh_rate is what every version of Envoy reads
    private static Cluster cluster(ControlPlane control) {
        var cluster = Cluster.newBuilder()
                .setName(XDS)
                .setType(isAddress(control.host()) ? Cluster.DiscoveryType.STATIC : Cluster.DiscoveryType.STRICT_DNS)
                .setConnectTimeout(Durations.fromSeconds(10))
                // The channel to the control plane resolves the name itself, for each connection.
                .setDnsRefreshRate(Durations.fromSeconds(300))
                .putTypedExtensionProtocolOptions(
                        HTTP_OPTIONS,
                        Any.pack(HttpProtocolOptions.newBuilder()
                                .setExplicitHttpConfig(HttpProtocolOptions.ExplicitHttpConfig.newBuilder()
                                        .setHttp2ProtocolOptions(Http2ProtocolOptions.getDefaultInstance()))
                                .build()))
                .setLoadAssignment(ClusterLoadAssignment.newBuilder()
                        .setClusterName(XDS)
                        .addEndpoints(LocalityLbEndpoints.newBuilder()
                                .addLbEndpoints(LbEndpoint.newBuilder()
                                        .setEndpoint(Endpoint.newBuilder()
                                                .setAddress(address(control.host(), control.port()))))));
        Path root = control.root();
        if (root != null) {
            cluster.setTransportSocket(TransportSocket.newBuilder()
                    .setName("envoy.transport_sockets.tls")
                    .setTypedConfig(tls(control.host(), control.name(), root, control.identified())));
        }
        return cluster.build();
    }

    /// TLS to the control plane or the certificate authority.
    ///
    /// @param identified whether the workload's certificate is shown
    public static Any tls(String host, String name, Path root, boolean identified) {
        var common = CommonTlsContext.newBuilder()
                .setCombinedValidationContext(CommonTlsContext.CombinedCertificateValidationContext.newBuilder()
                        .setDefaultValidationContext(CertificateValidationContext.newBuilder()
                                .addMatchTypedSubjectAltNames(SubjectAltNameMatcher.newBuilder()
                                        .setSanType(
                                                isAddress(name)
                                                        ? SubjectAltNameMatcher.SanType.IP_ADDRESS
                                                        : name.contains("://")
                                                                ? SubjectAltNameMatcher.SanType.URI
                                                                : SubjectAltNameMatcher.SanType.DNS)
                                        .setMatcher(StringMatcher.newBuilder().setExact(name))))
                        .setValidationContextSdsSecretConfig(secret(FileSecrets.ROOT + root)));
        if (identified) {
            common.addTlsCertificateSdsSecretConfigs(secret(WorkloadIdentity.CERTIFICATE));
        }
        var context = UpstreamTlsContext.newBuilder().setCommonTlsContext(common);
        String sni = isAddress(name) || name.contains("://") ? host : name;
        if (!isAddress(sni)) {
            context.setSni(sni);
        }
        return Any.pack(context.build());
    }

    private static SdsSecretConfig secret(String name) {
        return SdsSecretConfig.newBuilder().setName(name).build();
    }

    private static Address address(String host, int port) {
        return Address.newBuilder()
                .setSocketAddress(SocketAddress.newBuilder().setAddress(host).setPortValue(port))
                .build();
    }

    static boolean isAddress(String text) {
        try {
            InetAddress.ofLiteral(text);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
