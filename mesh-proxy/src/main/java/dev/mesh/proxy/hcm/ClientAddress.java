package dev.mesh.proxy.hcm;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.proxy.http.HeaderMap;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Who sent a request, behind the proxies that are trusted (Envoy, "x-forwarded-for").
///
/// @param address null = the connection's peer
/// @param only whether `x-forwarded-for` names nobody else, so that the request may be an internal one
record ClientAddress(@Nullable InetAddress address, boolean only) {
    /// Finds it before this proxy has added anything.
    static ClientAddress of(Settings.Forwarding settings, HeaderMap headers) {
        String list = headers.joined("x-forwarded-for");
        if (settings.useRemoteAddress()) {
            return new ClientAddress(
                    settings.trustedHops() > 0 ? fromEnd(list, settings.trustedHops() - 1) : null, list == null);
        }
        InetAddress found = fromEnd(list, settings.trustedHops());
        return new ClientAddress(found, found != null && list != null && list.indexOf(',') < 0);
    }

    // The entries were added by one hop after the other, the last one by the nearest.
    private static @Nullable InetAddress fromEnd(@Nullable String list, int skip) {
        if (list == null) {
            return null;
        }
        int end = list.length();
        for (int i = 0; i < skip; i++) {
            end = list.lastIndexOf(',', end - 1);
            if (end < 0) {
                return null;
            }
        }
        int comma = end == 0 ? -1 : list.lastIndexOf(',', end - 1);
        String entry = list.substring(comma + 1, end).strip();
        try {
            return entry.isEmpty() ? null : InetAddress.ofLiteral(entry);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /// The connection with this client in the place of its peer.
    ConnectionView on(ConnectionView connection) {
        return address == null ? connection : new Behind(connection, address);
    }

    private record Behind(ConnectionView connection, InetAddress sourceAddress) implements ConnectionView {
        @Override
        public InetAddress destinationAddress() {
            return connection.destinationAddress();
        }

        @Override
        public int destinationPort() {
            return connection.destinationPort();
        }

        @Override
        public boolean destinationRestored() {
            return connection.destinationRestored();
        }

        // The port of somebody else's connection is not known.
        @Override
        public int sourcePort() {
            return 0;
        }

        @Override
        public InetAddress directSourceAddress() {
            return connection.directSourceAddress();
        }

        @Override
        public String serverName() {
            return connection.serverName();
        }

        @Override
        public String transportProtocol() {
            return connection.transportProtocol();
        }

        @Override
        public List<String> applicationProtocols() {
            return connection.applicationProtocols();
        }

        @Override
        public @Nullable String peerPrincipal() {
            return connection.peerPrincipal();
        }
    }
}
