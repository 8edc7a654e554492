package dev.mesh.api.decide;

import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What deciding may know of a downstream connection.
public interface ConnectionView {
    /// The address that the client meant: after original-destination or PROXY protocol restoration.
    InetAddress destinationAddress();

    int destinationPort();

    /// Whether a listener filter found out where the client was going: then the connection may go there.
    default boolean destinationRestored() {
        return false;
    }

    /// The peer's address, possibly restored by a listener filter.
    InetAddress sourceAddress();

    int sourcePort();

    /// The peer's address as the socket has it.
    InetAddress directSourceAddress();

    /// SNI, lower case; empty if there was none.
    String serverName();

    /// `tls` or `raw_buffer`.
    String transportProtocol();

    /// What the client offered by ALPN or what a listener filter detected, in order.
    List<String> applicationProtocols();

    /// The verified identity of the peer's certificate (URI SAN first, else DNS SAN, else subject), or null.
    @Nullable
    String peerPrincipal();
}
