package dev.mesh.proxy.intercept;

import java.io.IOException;
import java.net.ConnectException;
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

    /// A call to a neighbour of the pod, as its application makes them.
    ///
    /// @return what was seen, in a sentence
    /// @throws IOException with a sentence that says what is wrong
    static String run(Settings settings, Family family) throws IOException {
        InetSocketAddress target = target(settings, family);
        if (target == null) {
            return "no " + family + " destination is known that would be captured, so none was tried";
        }
        return call(target, settings.outboundPort());
    }

    /// A call to the pod's own address, for a process that runs as the proxy's user: such a call is what the proxy
    /// does for an application that calls itself, so it is captured as inbound traffic. Other calls of that user
    /// are not.
    ///
    /// @return what was seen, in a sentence
    /// @throws IOException with a sentence that says what is wrong
    static String asProxy(Settings settings, Family family) throws IOException {
        InetAddress own = addresses(settings, family).stream().findFirst().orElse(null);
        Integer port = port(settings);
        if (own == null || port == null) {
            return "the pod has no " + family + " address and port that would be captured, so none was tried";
        }
        return call(new InetSocketAddress(own, port), settings.inboundPort());
    }

    private static String call(InetSocketAddress target, int captured) throws IOException {
        String tried = target.getAddress().getHostAddress() + ":" + target.getPort();
        try (var proxy = new ServerSocket()) {
            proxy.setReuseAddress(true);
            proxy.bind(new InetSocketAddress(captured));
            proxy.setSoTimeout(PATIENCE_MILLIS);
            try (var client = new Socket()) {
                client.connect(target, PATIENCE_MILLIS);
                int from = client.getLocalPort();
                try (Socket accepted = proxy.accept()) {
                    if (accepted.getPort() != from) {
                        throw new IOException("another connection came than the one to " + tried);
                    }
                    return "a connection to " + tried + " comes to port " + captured;
                }
            } catch (SocketTimeoutException e) {
                throw new IOException(
                        "a connection to " + tried + " does not come to port " + captured
                                + ": the rules have no effect in this pod",
                        e);
            } catch (ConnectException e) {
                if (String.valueOf(e.getMessage()).contains("unreachable")) {
                    return "there is no route to " + tried + ", so none was tried";
                }
                throw new IOException(
                        "a connection to " + tried + " does not come to port " + captured + " (" + e.getMessage()
                                + "): the rules are not in place",
                        e);
            } catch (IOException e) {
                if (String.valueOf(e.getMessage()).contains("unreachable")) {
                    return "there is no route to " + tried + ", so none was tried";
                }
                throw new IOException("a connection to " + tried + " fails (" + e.getMessage() + ")", e);
            }
        }
    }

    private static @Nullable Integer port(Settings settings) {
        return List.of(80, 443, 8080, 15002).stream()
                .filter(candidate -> !settings.excludedOutboundPorts().contains(candidate))
                .findFirst()
                .orElse(null);
    }

    private static List<InetAddress> addresses(Settings settings, Family family) throws IOException {
        var addresses = new ArrayList<InetAddress>();
        for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
            if (!each.isLoopback()
                    && each.isUp()
                    && !settings.excludedInterfaces().contains(each.getName())) {
                each.inetAddresses()
                        .filter(address -> !address.isLinkLocalAddress()
                                && address instanceof Inet4Address == (family == Family.IPV4))
                        .forEach(addresses::add);
            }
        }
        return addresses;
    }

    // A neighbour need not exist: the packet is on its way to the proxy before anybody looks for it.
    private static @Nullable InetSocketAddress target(Settings settings, Family family) throws IOException {
        Integer port = port(settings);
        if (port == null || !settings.ownerGroups().isEmpty()) {
            return null;
        }
        var candidates = new ArrayList<InetAddress>();
        if (settings.outboundCidrs().any()) {
            addresses(settings, family).forEach(address -> candidates.add(neighbour(address)));
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
