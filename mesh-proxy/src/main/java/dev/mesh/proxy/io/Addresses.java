package dev.mesh.proxy.io;

import io.netty.channel.unix.DomainSocketAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;

/// Addresses as Envoy writes them.
public final class Addresses {
    private Addresses() {}

    /// `ip:port`, or the path of a Unix domain socket.
    public static String text(SocketAddress address) {
        return address instanceof InetSocketAddress inet ? host(inet) + ":" + inet.getPort() : host(address);
    }

    /// The IP address alone, or the path of a Unix domain socket.
    public static String host(SocketAddress address) {
        return switch (address) {
            case InetSocketAddress inet -> {
                InetAddress resolved = inet.getAddress();
                yield resolved == null ? inet.getHostString() : resolved.getHostAddress();
            }
            case UnixDomainSocketAddress unix -> unix.getPath().toString();
            case DomainSocketAddress unix -> unix.path();
            default -> address.toString();
        };
    }

    /// 0 for a Unix domain socket.
    public static int port(SocketAddress address) {
        return address instanceof InetSocketAddress inet ? inet.getPort() : 0;
    }
}
