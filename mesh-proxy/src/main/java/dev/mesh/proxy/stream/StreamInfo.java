package dev.mesh.proxy.stream;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/// What is known of one request (or one TCP connection, where the HTTP fields stay unset). Filled by the
/// rooms it passes through, on one event loop, and read when it ends. Times are `System.nanoTime`; zero = not
/// reached.
public final class StreamInfo {
    /// With the client's address as far as it is trusted: by `x-forwarded-for`, or the connection's peer.
    public ConnectionView connection;
    /// Milliseconds since the epoch.
    public final long startEpochMillis;
    public final long startNanos;
    public long requestEndNanos;
    public long upstreamConnectedNanos;
    public long upstreamRequestEndNanos;
    public long upstreamResponseStartNanos;
    public long upstreamResponseEndNanos;
    public long endNanos;

    public @Nullable Protocol protocol;
    public @Nullable RequestHead request;
    /// As it came, before any rewrite; null if it was not changed.
    public @Nullable String originalPath;

    public @Nullable ResponseHead response;
    public @Nullable HeaderMap responseTrailers;
    public int responseCode;
    public String responseCodeDetails = "";
    public int responseFlags;
    public String connectionTerminationDetails = "";
    public long bytesReceived;
    public long bytesSent;

    public @Nullable VirtualHost virtualHost;
    public @Nullable Route route;
    public @Nullable String upstreamCluster;
    public @Nullable SocketAddress upstreamHost;
    public String upstreamHostname = "";
    public @Nullable SocketAddress upstreamLocalAddress;
    public @Nullable Protocol upstreamProtocol;
    public String upstreamTransportFailureReason = "";
    public int upstreamAttempts;

    public String filterChainName = "";
    public String listenerName = "";
    public long connectionId;
    public long streamId;
    public @Nullable String localReplyBody;

    public StreamInfo(ConnectionView connection, long startEpochMillis, long startNanos) {
        this.connection = connection;
        this.startEpochMillis = startEpochMillis;
        this.startNanos = startNanos;
    }

    public void flag(ResponseFlag flag) {
        responseFlags |= flag.bit();
    }

    public boolean has(ResponseFlag flag) {
        return (responseFlags & flag.bit()) != 0;
    }
}
