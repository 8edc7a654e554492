package dev.mesh.proxy.http;

import org.jspecify.annotations.Nullable;

/// An upstream connection that requests can be sent on. On its event loop only.
public interface ClientConnection {
    Protocol protocol();

    /// Null if the connection takes no more streams: full, draining or closed.
    @Nullable
    ClientStream newStream(ClientStreamListener listener);

    /// How many more streams it takes now.
    int available();

    int activeStreams();

    /// Takes no more streams, and closes when the open ones are done.
    void drain();

    /// Closes now; open streams hear `onReset`.
    void close();

    /// What the pool wants to hear; set once, before the first stream.
    void observer(Observer observer);

    interface Observer {
        /// A stream ended: there is room again, unless the connection drains.
        void onStreamEnded(ClientConnection connection);

        /// Takes no more streams (GOAWAY, `Connection: close`, max requests).
        void onDraining(ClientConnection connection);

        void onClosed(ClientConnection connection);
    }
}
