package dev.mesh.api.decide.compile;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.util.JsonFormat;
import java.util.List;

/// The messages that are known by name in JSON and YAML.
public final class EnvoyTypes {
    // Messages that resources may carry in an Any. One that is not here cannot be honoured anyway.
    private static final List<Descriptor> KNOWN = List.of(
            io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                    .getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.http.router.v3.Router.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.listener.http_inspector.v3.HttpInspector.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.listener.original_dst.v3.OriginalDst.getDescriptor(),
            io.envoyproxy.envoy.extensions.filters.listener.original_src.v3.OriginalSrc.getDescriptor(),
            io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog.getDescriptor(),
            io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StdoutAccessLog.getDescriptor(),
            io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StderrAccessLog.getDescriptor(),
            io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext.getDescriptor(),
            io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.getDescriptor(),
            io.envoyproxy.envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer.getDescriptor(),
            io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions.getDescriptor(),
            io.envoyproxy.envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin.getDescriptor(),
            io.envoyproxy.envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest.getDescriptor(),
            io.envoyproxy.envoy.extensions.load_balancing_policies.random.v3.Random.getDescriptor(),
            io.envoyproxy.envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash.getDescriptor(),
            io.envoyproxy.envoy.extensions.load_balancing_policies.maglev.v3.Maglev.getDescriptor(),
            io.envoyproxy.envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate.getDescriptor(),
            io.envoyproxy.envoy.config.cluster.v3.Cluster.getDescriptor(),
            io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment.getDescriptor(),
            io.envoyproxy.envoy.config.listener.v3.Listener.getDescriptor(),
            io.envoyproxy.envoy.config.route.v3.RouteConfiguration.getDescriptor(),
            io.envoyproxy.envoy.config.route.v3.VirtualHost.getDescriptor(),
            io.envoyproxy.envoy.config.route.v3.FilterConfig.getDescriptor(),
            io.envoyproxy.envoy.admin.v3.BootstrapConfigDump.getDescriptor(),
            io.envoyproxy.envoy.admin.v3.ClustersConfigDump.getDescriptor(),
            io.envoyproxy.envoy.admin.v3.ListenersConfigDump.getDescriptor(),
            io.envoyproxy.envoy.admin.v3.RoutesConfigDump.getDescriptor(),
            io.envoyproxy.envoy.admin.v3.EndpointsConfigDump.getDescriptor(),
            dev.mesh.api.proto.istio.nds.NameTable.getDescriptor(),
            dev.mesh.api.proto.v1.PushCommit.getDescriptor());

    /// For printing and parsing resources with what they carry.
    public static final JsonFormat.TypeRegistry REGISTRY =
            JsonFormat.TypeRegistry.newBuilder().add(KNOWN).build();

    /// Full names of the messages that are known.
    public static List<String> names() {
        return KNOWN.stream().map(Descriptor::getFullName).toList();
    }

    private EnvoyTypes() {}
}
