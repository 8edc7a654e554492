package dev.mesh.proxy.upstream;

import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/// Who waits for a stream of a pool. On the event loop; exactly one of the two outcomes comes, unless it was
/// cancelled, and it may come before `acquire` returns.
public interface PoolCallback {
    /// Hears the response on the stream that is to come.
    ClientStreamListener listener();

    void onStream(ClientStream stream, ClientConnection connection, @Nullable SocketAddress localAddress);

    /// @param detail `%UPSTREAM_TRANSPORT_FAILURE_REASON%`, for a failed connection
    void onFailure(PoolFailure failure, String detail);
}
