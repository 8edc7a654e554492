package dev.mesh.proxy.filter;

import com.google.protobuf.Any;
import io.netty.channel.ChannelPipeline;

/// Makes network filters of one kind. One factory per kind, listed in the composition root.
public interface NetworkFilterFactory {
    /// Of the filter's `typed_config`, such as
    /// `type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`.
    String typeUrl();

    /// Whether it takes the connection over; the last filter of a chain, and only the last, must.
    boolean terminal();

    /// Checks `config` once, at load, on the configuration thread. What it returns is immutable, shared by
    /// all connections.
    Bound bind(Any config, BindContext context) throws ConfigRejected;

    /// A checked filter.
    interface Bound {
        /// Adds this filter's handlers at the end of an accepted connection's pipeline, on its event loop.
        /// Nothing has been read yet; auto-read is off and the filter starts reading when it is ready.
        void install(ChannelPipeline pipeline, DownstreamConnection connection);
    }
}
