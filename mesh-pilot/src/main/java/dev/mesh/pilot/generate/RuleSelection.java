package dev.mesh.pilot.generate;

import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.push.PushContext;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Which rules of a virtual service a proxy is given at a port, and where they lead.
final class RuleSelection {
    private final ViewBuilder view;

    RuleSelection(ViewBuilder view) {
        this.view = view;
    }

    /// @param virtualHost name of the virtual host they are for
    /// @param gateway says whether a name in `gateways` of an object of the rule's namespace means this proxy
    /// @return in order; nothing after a rule that matches everything
    List<RouteProtos.RouteInput> http(
            PushContext.Rule<VirtualService> rule, String virtualHost, int port, Predicate<String> gateway) {
        var inputs = new ArrayList<RouteProtos.RouteInput>();
        var names = new HashSet<String>();
        for (VirtualService.HttpRoute http : rule.spec().http()) {
            String name = Names.rule(http);
            if (!names.add(name) && http.name().isEmpty()) {
                int again = 2;
                while (!names.add(name + "-" + again)) {
                    again++;
                }
                name = name + "-" + again;
            }
            if (http.match().isEmpty()) {
                inputs.add(input(rule, http, name, null, port));
                return inputs;
            }
            for (VirtualService.HttpMatch match : http.match()) {
                String why = whyNot(match, port, gateway);
                if (!why.isEmpty()) {
                    view.leaveOut(new LeftOut(rule.object().ref(), name, virtualHost, why));
                    continue;
                }
                inputs.add(input(rule, http, name, match, port));
                if (matchesEverything(match)) {
                    return inputs;
                }
            }
        }
        return inputs;
    }

    private static boolean matchesEverything(VirtualService.HttpMatch match) {
        boolean anyPath = match.uri() == null
                || (match.uri() instanceof dev.mesh.api.networking.StringMatch.Prefix(String prefix)
                        && prefix.equals("/"));
        return anyPath
                && match.method() == null
                && match.scheme() == null
                && match.authority() == null
                && match.headers().isEmpty()
                && match.withoutHeaders().isEmpty()
                && match.queryParams().isEmpty();
    }

    // Empty if the match is for this proxy at this port.
    private String whyNot(VirtualService.HttpMatch match, int port, Predicate<String> gateway) {
        ProxyNode node = view.node();
        if (match.port() != 0 && match.port() != port) {
            return "port: " + match.port() + ", and this is port " + port;
        }
        return whyNot(match.sourceLabels(), match.sourceNamespace(), match.gateways(), node, gateway);
    }

    static String whyNot(
            Map<String, String> sourceLabels,
            String sourceNamespace,
            List<String> gateways,
            ProxyNode node,
            Predicate<String> gateway) {
        if (!gateways.isEmpty() && gateways.stream().noneMatch(gateway)) {
            return "gateways: " + gateways + ", and this proxy is none of them";
        }
        if (!node.labels().entrySet().containsAll(sourceLabels.entrySet())) {
            return "sourceLabels: " + sourceLabels + ", which this workload does not have";
        }
        if (!sourceNamespace.isEmpty() && !sourceNamespace.equals(node.namespace())) {
            return "sourceNamespace: " + sourceNamespace + ", and this workload is in " + node.namespace();
        }
        return "";
    }

    private RouteProtos.RouteInput input(
            PushContext.Rule<VirtualService> rule,
            VirtualService.HttpRoute http,
            String name,
            VirtualService.@Nullable HttpMatch match,
            int port) {
        var targets = new ArrayList<RouteProtos.Target>();
        for (var destination : http.route()) {
            targets.add(target(
                    destination.destination(), destination.weight(), destination.headers(), rule.namespace(), port));
        }
        var mirrors = new ArrayList<RouteProtos.Mirror>();
        if (http.mirror() != null) {
            double percent = http.mirrorPercentage() != null
                    ? http.mirrorPercentage().value()
                    : http.mirrorPercent() == null ? 100 : http.mirrorPercent();
            mirror(http.mirror(), percent, rule.namespace(), port, mirrors);
        }
        for (var one : http.mirrors()) {
            mirror(
                    one.destination(),
                    one.percentage() == null ? 100 : one.percentage().value(),
                    rule.namespace(),
                    port,
                    mirrors);
        }
        return new RouteProtos.RouteInput(rule.object().ref(), name, http, match, targets, mirrors);
    }

    private void mirror(
            Destination destination, double percent, String namespace, int port, List<RouteProtos.Mirror> mirrors) {
        if (percent > 0) {
            mirrors.add(new RouteProtos.Mirror(
                    target(destination, 0, null, namespace, port).cluster(), percent));
        }
    }

    /// The cluster of a destination, and what it is hashed by.
    ///
    /// @param port the port that traffic came to, for destinations that name none
    RouteProtos.Target target(
            Destination destination,
            int weight,
            dev.mesh.api.networking.@Nullable Headers headers,
            String namespace,
            int port) {
        String host = PushContext.qualify(destination.host(), namespace);
        ServiceInfo service = view.push().services().get(host);
        int number = destination.port() == null
                ? portOf(service, port)
                : destination.port().number();
        return new RouteProtos.Target(
                Names.outbound(number, destination.subset(), host),
                weight,
                headers,
                service == null
                        ? null
                        : view.policy(service, destination.subset(), number).hash());
    }

    // A service with a single port needs no port in the rule.
    private static int portOf(@Nullable ServiceInfo service, int port) {
        if (service == null
                || service.ports().size() != 1
                || service.ports().stream().map(PortInfo::number).anyMatch(number -> number == port)) {
            return port;
        }
        return service.ports().getFirst().number();
    }
}
