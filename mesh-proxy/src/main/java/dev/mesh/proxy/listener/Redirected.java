package dev.mesh.proxy.listener;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.unix.RawUnixChannelOption;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Where a connection was going before the kernel redirected it (netfilter's `SO_ORIGINAL_DST`).
final class Redirected {
    // Levels and names of <linux/in.h>, <linux/netfilter_ipv4.h> and <linux/netfilter_ipv6/ip6_tables.h>; what comes
    // is a sockaddr_in or a sockaddr_in6, in network order.
    private static final RawUnixChannelOption IPV4 = new RawUnixChannelOption("SO_ORIGINAL_DST", 0, 80, 16);
    private static final RawUnixChannelOption IPV6 = new RawUnixChannelOption("IP6T_SO_ORIGINAL_DST", 41, 80, 28);

    private Redirected() {}

    /// @param channel of epoll's
    /// @param transparent whether the socket takes connections to any address, which then is the socket's own
    /// @return null if the kernel does not know; the socket's own address if the connection was not redirected
    static @Nullable InetSocketAddress destination(Channel channel, boolean transparent) {
        var own = (InetSocketAddress) channel.localAddress();
        boolean four = own.getAddress() instanceof Inet4Address;
        try {
            ByteBuffer found = channel.config().getOption(four ? IPV4 : IPV6);
            if (found != null) {
                return address(found, four);
            }
        } catch (ChannelException e) {
            // No rule of the kernel has touched this connection.
        }
        return transparent ? own : null;
    }

    private static InetSocketAddress address(ByteBuffer found, boolean four) {
        var bytes = new byte[found.capacity()];
        found.get(0, bytes);
        int port = (bytes[2] & 0xff) << 8 | bytes[3] & 0xff;
        try {
            return new InetSocketAddress(
                    InetAddress.getByAddress(four ? Arrays.copyOfRange(bytes, 4, 8) : Arrays.copyOfRange(bytes, 8, 24)),
                    port);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e); // its length is right
        }
    }
}
