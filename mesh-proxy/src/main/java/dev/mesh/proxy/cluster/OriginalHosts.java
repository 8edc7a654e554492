package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Scope;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The hosts of a cluster that sends where the client was going: made when something goes there, and forgotten when
/// nothing did for an interval. Any thread; swept by the configuration thread.
final class OriginalHosts {
    private final OriginalDestination settings;
    private final @Nullable OutlierDetector outliers;
    private final Counter invalid;
    private final Map<InetSocketAddress, Entry> hosts = new ConcurrentHashMap<>();

    private static final class Entry {
        private final LiveHost host;
        private volatile boolean used = true;

        private Entry(LiveHost host) {
            this.host = host;
        }
    }

    OriginalHosts(OriginalDestination settings, @Nullable OutlierDetector outliers, Scope scope) {
        this.settings = settings;
        this.outliers = outliers;
        invalid = scope.counter("original_dst_host_invalid");
    }

    /// @return null if it is not known where the client was going
    @Nullable
    Host choose(LoadBalancerContext context) {
        InetSocketAddress to = context.originalDestination();
        if (!settings.header().isEmpty()) {
            String named = context.requestHeader(settings.header());
            if (named != null && !named.isEmpty()) {
                to = address(named);
                if (to == null) {
                    invalid.inc();
                    return null;
                }
            }
        }
        if (to == null) {
            return null;
        }
        if (settings.port() != 0) {
            to = new InetSocketAddress(to.getAddress(), settings.port());
        }
        Entry entry = hosts.get(to);
        if (entry == null) {
            entry = hosts.computeIfAbsent(to, this::entry);
        }
        if (!entry.used) {
            entry.used = true;
        }
        return entry.host;
    }

    private Entry entry(InetSocketAddress at) {
        return new Entry(new LiveHost(new HostSpec(at, "", "", 0, 1, 1, true, Map.of()), outliers));
    }

    private static @Nullable InetSocketAddress address(String written) {
        int colon = written.lastIndexOf(':');
        if (colon <= 0 || !written.substring(colon + 1).matches("[0-9]{1,5}")) {
            return null;
        }
        int port = Integer.parseInt(written.substring(colon + 1));
        String host = written.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        if (port > 65535 || bracketed != host.contains(":")) {
            return null;
        }
        try {
            return new InetSocketAddress(
                    InetAddress.ofLiteral(bracketed ? host.substring(1, host.length() - 1) : host), port);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /// Forgets what was not used since the last time.
    ///
    /// @return whether any was
    boolean sweep() {
        var gone = new ArrayList<LiveHost>();
        hosts.values().removeIf(each -> {
            if (each.used || each.host.activeRequests().get() > 0) {
                each.used = false;
                return false;
            }
            return gone.add(each.host);
        });
        gone.forEach(LiveHost::remove);
        return !gone.isEmpty();
    }

    List<LiveHost> all() {
        return hosts.values().stream().map(entry -> entry.host).toList();
    }
}
