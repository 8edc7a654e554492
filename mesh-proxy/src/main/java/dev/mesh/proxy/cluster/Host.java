package dev.mesh.proxy.cluster;

import java.net.SocketAddress;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// One endpoint of a cluster. The same object as long as the endpoint stays in the cluster, whatever else of
/// the cluster changes. Any thread.
public interface Host {
    SocketAddress address();

    /// Name by which it was found (DNS name, EDS hostname); empty if only its address is known.
    String hostname();

    /// `region/zone/sub_zone`.
    String locality();

    /// At least 1.
    int weight();

    /// `filter_metadata` of the endpoint, as plain maps, lists, strings, numbers, booleans.
    Map<String, Object> metadata();

    /// Requests, or TCP connections, open now in the whole process.
    AtomicInteger activeRequests();

    /// Whether it may be chosen: not unhealthy by EDS, not ejected.
    boolean healthy();

    /// False once the endpoint left the cluster: its pooled connections are drained.
    boolean live();

    HostStats stats();

    /// Feeds outlier detection.
    void report(Outcome outcome);

    /// What became of one try.
    sealed interface Outcome {
        /// @param code HTTP status, or 200 for a gRPC call whose status counts as fine
        record Status(int code) implements Outcome {}

        /// No connection, or one that broke before a response.
        record ConnectFailure() implements Outcome {}

        record ConnectSuccess() implements Outcome {}

        record Timeout() implements Outcome {}

        record Reset() implements Outcome {}
    }
}
