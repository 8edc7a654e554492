package dev.mesh.proxy.intercept;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Tries whether a connection of this process comes to the proxy's port, by listening there itself. Blocks.
final class Probe {
    private static final int PATIENCE_MILLIS = 5000;

    private Probe() {}

    /// @return what was seen, in a sentence
    /// @throws IOException with a sentence that says what is wrong
    static String run(Settings settings, Family family) throws IOException {
        InetSocketAddress target = target(settings, family);
        if (target == null) {
            return "no " + family + " destination is known that would be captured, so none was tried";
        }
        String tried = target.getAddress().getHostAddress() + ":" + target.getPort();
        try (var proxy = new ServerSocket()) {
            proxy.setReuseAddress(true);
            proxy.bind(new InetSocketAddress(settings.outboundPort()));
            proxy.setSoTimeout(PATIENCE_MILLIS);
            try (var client = new Socket()) {
                client.connect(target, PATIENCE_MILLIS);
                int from = client.getLocalPort();
                try (Socket accepted = proxy.accept()) {
                    if (accepted.getPort() != from) {
                        throw new IOException("another connection came than the one to " + tried);
                    }
                    return "a connection to " + tried + " comes to port " + settings.outboundPort();
                }
            } catch (SocketTimeoutException e) {
                throw new IOException(
                        "a connection to " + tried + " does not come to port " + settings.outboundPort()
                                + ": the rules have no effect in this pod",
                        e);
            } catch (IOException e) {
                if (String.valueOf(e.getMessage()).contains("unreachable")) {
                    return "there is no route to " + tried + ", so none was tried";
                }
                throw new IOException("a connection to " + tried + " fails (" + e.getMessage() + ")", e);
            }
        }
    }

    // A neighbour need not exist: the packet is on its way to the proxy before anybody looks for it.
    private static @Nullable InetSocketAddress target(Settings settings, Family family) throws IOException {
        Integer port = List.of(80, 443, 8080, 15002).stream()
                .filter(candidate -> !settings.excludedOutboundPorts().contains(candidate))
                .findFirst()
                .orElse(null);
        if (port == null || !settings.ownerGroups().isEmpty()) {
            return null;
        }
        var candidates = new ArrayList<InetAddress>();
        if (settings.outboundCidrs().any()) {
            for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
                if (!each.isLoopback()
                        && each.isUp()
                        && !settings.excludedInterfaces().contains(each.getName())) {
                    each.inetAddresses()
                            .filter(address -> !address.isLinkLocalAddress()
                                    && address instanceof Inet4Address == (family == Family.IPV4))
                            .forEach(address -> candidates.add(neighbour(address)));
                }
            }
        } else {
            for (String cidr : settings.outboundCidrs().of(family)) {
                candidates.add(neighbour(InetAddress.ofLiteral(cidr.substring(0, cidr.indexOf('/')))));
            }
        }
        return candidates.stream()
                .filter(address -> settings.excludedCidrs().of(family).stream().noneMatch(cidr -> covers(cidr, address))
                        && !address.isLoopbackAddress())
                .findFirst()
                .map(address -> new InetSocketAddress(address, port))
                .orElse(null);
    }

    private static InetAddress neighbour(InetAddress address) {
        byte[] bytes = address.getAddress();
        bytes[bytes.length - 1] ^= 1;
        try {
            return InetAddress.getByAddress(bytes);
        } catch (java.net.UnknownHostException e) {
            throw new IllegalStateException(e); // its length is right
        }
    }

    private static boolean covers(String cidr, InetAddress address) {
        int slash = cidr.indexOf('/');
        byte[] prefix = InetAddress.ofLiteral(cidr.substring(0, slash)).getAddress();
        byte[] bytes = address.getAddress();
        int bits = Integer.parseInt(cidr.substring(slash + 1));
        for (int i = 0; i < bits; i++) {
            if (((prefix[i / 8] ^ bytes[i / 8]) >> (7 - i % 8) & 1) != 0) {
                return false;
            }
        }
        return true;
    }
}
