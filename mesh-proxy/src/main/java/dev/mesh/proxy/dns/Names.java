package dev.mesh.proxy.dns;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The names of the mesh, with every form in which an application may ask for them. Immutable.
///
/// A Service is known by its full name, by `name.namespace` and `name.namespace.svc`, and in its own namespace by
/// `name`
/// (Istio, `generateAltHosts`). The first thing that a client asks for is usually any of these with the first search
/// domain behind it: that is answered at once, by a CNAME record to the name that is meant and the addresses of that.
/// Where Istio has a CNAME to `*.example.com`, the name that was asked for stands here, since the C library takes a `*`
/// for no host name.
final class Names {
    private static final String KUBERNETES = "Kubernetes";

    /// Where the proxy is, which decides what short names mean.
    ///
    /// @param namespace of the pod
    /// @param domain of its Services, such as `svc.cluster.local`; empty = there are no short names
    /// @param search the first search domain; empty = none
    record Place(String namespace, String domain, String search) {
        Place {
            domain = domain.toLowerCase(Locale.ROOT);
            search = search.toLowerCase(Locale.ROOT);
        }

        /// @param nodeDomain as proxies are told it, `<namespace>.svc.<cluster domain>`
        /// @param search domains of `resolv.conf`
        static Place of(String namespace, String nodeDomain, List<String> search) {
            return new Place(
                    namespace,
                    nodeDomain.startsWith(namespace + ".") ? nodeDomain.substring(namespace.length() + 1) : nodeDomain,
                    search.isEmpty() ? "" : search.getFirst());
        }
    }

    /// What is known of a name.
    ///
    /// @param alias name that has the addresses, if it is another one than was asked for; null = it is the same
    record Found(@Nullable String alias, List<InetAddress> four, List<InetAddress> six) {}

    private record Addresses(List<InetAddress> four, List<InetAddress> six) {}

    private final Place place;
    private final Map<String, Addresses> byName = new HashMap<>();

    private Names(Place place) {
        this.place = place;
    }

    static Names of(NameTable table, Place place) {
        var names = new Names(place);
        var others = new HashMap<String, Addresses>();
        table.getTableMap().forEach((host, info) -> {
            Addresses addresses = addresses(info);
            if (addresses != null) {
                String name = plain(host);
                names.byName.put(name, addresses);
                alternatives(name, info, place).forEach(other -> others.putIfAbsent(other, addresses));
            }
        });
        // A full name of one is never a short name of another.
        others.forEach(names.byName::putIfAbsent);
        return names;
    }

    private static String plain(String host) {
        String name = host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
        return name.toLowerCase(Locale.ROOT);
    }

    private static Set<String> alternatives(String name, NameInfo info, Place place) {
        var all = new LinkedHashSet<String>();
        // A Service of another cluster's domain could have the short name of one of ours.
        if (info.getRegistry().equals(KUBERNETES)
                && !place.domain().isEmpty()
                && name.endsWith("." + place.domain())
                && !info.getShortname().isEmpty()) {
            String inNamespace = plain(info.getShortname() + "." + info.getNamespace());
            all.add(inNamespace);
            int dot = place.domain().indexOf('.');
            all.add(inNamespace + "."
                    + (dot < 0 ? place.domain() : place.domain().substring(0, dot)));
            if (info.getNamespace().equals(place.namespace())) {
                all.add(plain(info.getShortname()));
            }
            info.getAltHostsList().forEach(other -> all.add(plain(other)));
        }
        return all;
    }

    // Null if none is an address.
    private static @Nullable Addresses addresses(NameInfo info) {
        var four = new ArrayList<InetAddress>();
        var six = new ArrayList<InetAddress>();
        for (String text : info.getIpsList()) {
            InetAddress address = literal(text);
            if (address != null) {
                (address.getAddress().length == 4 ? four : six).add(address);
            }
        }
        return four.isEmpty() && six.isEmpty() ? null : new Addresses(List.copyOf(four), List.copyOf(six));
    }

    // Null for a range, or what is nothing that can be answered: the other addresses count.
    private static @Nullable InetAddress literal(String text) {
        try {
            return InetAddress.ofLiteral(text);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /// How many names there are, all forms counted but for those with a search domain.
    int size() {
        return byName.size();
    }

    /// @param name in lower case, without a dot at the end, as [Question#name]
    /// @return null if the mesh does not know it
    @Nullable
    Found find(String name) {
        if (name.indexOf('\\') >= 0) {
            return null; // dots inside labels: no host name
        }
        Addresses exact = byName.get(name);
        if (exact != null) {
            return found(null, exact);
        }
        String searched = withoutSearch(name);
        Addresses behind = searched == null ? null : byName.get(searched);
        if (behind != null) {
            return found(searched, behind);
        }
        Addresses wildcard = searched == null ? null : below(searched);
        if (wildcard != null) {
            return found(searched, wildcard);
        }
        wildcard = below(name);
        return wildcard == null ? null : found(null, wildcard);
    }

    private static Found found(@Nullable String alias, Addresses addresses) {
        return new Found(alias, addresses.four(), addresses.six());
    }

    private @Nullable String withoutSearch(String name) {
        int rest = name.length() - place.search().length() - 1;
        return !place.search().isEmpty() && rest > 0 && name.endsWith(place.search()) && name.charAt(rest) == '.'
                ? name.substring(0, rest)
                : null;
    }

    // The wildcard with most labels.
    private @Nullable Addresses below(String name) {
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
            Addresses found = byName.get("*" + name.substring(dot));
            if (found != null) {
                return found;
            }
        }
        return null;
    }
}
