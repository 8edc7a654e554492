package dev.mesh.proxy.cluster;

import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// One endpoint of a cluster. The same object as long as the endpoint stays in the cluster, whatever else of
/// the cluster changes. Any thread.
public interface Host {
    SocketAddress address();

    /// Further addresses of the same endpoint, tried after that one, in this order.
    List<SocketAddress> otherAddresses();

    /// Name by which it was found (DNS name, EDS hostname); empty if only its address is known.
    String hostname();

    /// `region/zone/sub_zone`.
    String locality();

    /// 0 is used first.
    int priority();

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

    /// Of the last interval of outlier detection, in percent; -1 if there was none, or too few requests.
    double successRate();

    /// The same of connecting, where that counts apart.
    double localOriginSuccessRate();

    /// What became of one try.
    sealed interface Outcome {
        /// @param code HTTP status, or 200 for a gRPC call whose status counts as fine
        record Status(int code) implements Outcome {}

        record ConnectFailure() implements Outcome {}

        /// What becomes of the request is still to be told.
        record ConnectSuccess() implements Outcome {}

        /// Nothing more will be told, since what goes over the connection is not known.
        record ConnectSuccessFinal() implements Outcome {}

        record Timeout() implements Outcome {}

        /// A connection or stream that broke before a response.
        record Reset() implements Outcome {}
    }
}
