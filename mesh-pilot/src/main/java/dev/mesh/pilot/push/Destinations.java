package dev.mesh.pilot.push;

import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.VirtualService;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The destinations that a virtual service names, wherever in it.
public final class Destinations {
    private Destinations() {}

    /// Hosts as written.
    public static Set<String> hosts(VirtualService spec) {
        var hosts = new LinkedHashSet<String>();
        byPath(spec).values().forEach(destination -> hosts.add(destination.host()));
        return hosts;
    }

    /// Field path → destination, in the order of the text.
    static Map<String, Destination> byPath(VirtualService spec) {
        var found = new LinkedHashMap<String, Destination>();
        for (int i = 0; i < spec.http().size(); i++) {
            var route = spec.http().get(i);
            String path = "spec.http[" + i + "]";
            for (int j = 0; j < route.route().size(); j++) {
                found.put(
                        path + ".route[" + j + "].destination",
                        route.route().get(j).destination());
            }
            if (route.mirror() != null) {
                found.put(path + ".mirror", route.mirror());
            }
            for (int j = 0; j < route.mirrors().size(); j++) {
                found.put(
                        path + ".mirrors[" + j + "].destination",
                        route.mirrors().get(j).destination());
            }
        }
        for (int i = 0; i < spec.tls().size(); i++) {
            plain("spec.tls[" + i + "]", spec.tls().get(i).route(), found);
        }
        for (int i = 0; i < spec.tcp().size(); i++) {
            plain("spec.tcp[" + i + "]", spec.tcp().get(i).route(), found);
        }
        return found;
    }

    private static void plain(
            String path, List<VirtualService.RouteDestination> routes, Map<String, Destination> found) {
        for (int i = 0; i < routes.size(); i++) {
            found.put(path + ".route[" + i + "].destination", routes.get(i).destination());
        }
    }
}
