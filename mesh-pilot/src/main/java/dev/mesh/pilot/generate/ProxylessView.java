package dev.mesh.pilot.generate;

import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.SidecarScope;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/// What a gRPC library gets that speaks xDS itself (gRFC A27, A28): for each name that it may dial, an API listener
/// whose routes, clusters and endpoints are those of a sidecar.
final class ProxylessView {
    private ProxylessView() {}

    static void build(ViewBuilder view) {
        var scope = SidecarScope.of(view.push(), view.node());
        var rules = new RuleSelection(view);
        var remarks = new ProxylessRemarks(view::remark);
        for (ServiceInfo service : scope.services().values()) {
            if (!view.isReachable(service)) {
                continue;
            }
            view.clusters(service);
            if (service.ports().stream().anyMatch(port -> port.protocol().isHttp())) {
                view.rule(service).ifPresent(remarks::rule);
            }
            for (PortInfo port : service.ports()) {
                if (!port.protocol().isHttp()) {
                    continue;
                }
                String routes = Names.outbound(port.number(), "", service.host());
                for (String name : names(view, service)) {
                    view.add(ListenerProtos.api(name + ":" + port.number(), routes));
                }
                view.routes(
                        routes,
                        List.of(view.cache().get(host(view, scope, rules, remarks, service, port), RouteProtos::host)),
                        false);
            }
        }
    }

    private static RouteProtos.HostInput host(
            ViewBuilder view,
            SidecarScope scope,
            RuleSelection rules,
            ProxylessRemarks remarks,
            ServiceInfo service,
            PortInfo port) {
        String name = service.host() + ":" + port.number();
        String cluster = Names.outbound(port.number(), "", service.host());
        for (var rule : scope.virtualServices()) {
            boolean mesh =
                    rule.spec().gateways().isEmpty() || rule.spec().gateways().contains("mesh");
            if (mesh && !rule.spec().http().isEmpty() && names(rule, service.host())) {
                var given = rules.http(rule, name, port.number(), "mesh"::equals);
                given.forEach(input -> remarks.route(rule, input));
                return new RouteProtos.HostInput(
                        name,
                        List.of("*"),
                        rule.object().ref(),
                        given.stream().map(input -> forwarding(input, cluster)).toList(),
                        "",
                        null,
                        false,
                        false);
            }
        }
        return new RouteProtos.HostInput(
                name,
                List.of("*"),
                service.from(),
                List.of(),
                cluster,
                view.policy(service, "", port.number()).hash(),
                false,
                false);
    }

    // A route must forward somewhere, even if no call gets there.
    private static RouteProtos.RouteInput forwarding(RouteProtos.RouteInput input, String cluster) {
        return RouteProtos.answer(input.http()) == 0
                ? input
                : new RouteProtos.RouteInput(
                        input.from(),
                        input.name(),
                        input.http(),
                        input.match(),
                        List.of(new RouteProtos.Target(cluster, 1, null, null)),
                        List.of());
    }

    private static boolean names(PushContext.Rule<VirtualService> rule, String host) {
        return rule.spec().hosts().stream()
                .anyMatch(written -> PushContext.covers(PushContext.qualify(written, rule.namespace()), host));
    }

    private static List<String> names(ViewBuilder view, ServiceInfo service) {
        var names = new TreeSet<String>();
        names.add(service.host());
        if (service.hasShortNames()) {
            names.add(service.name() + "." + service.namespace());
            names.add(service.name() + "." + service.namespace() + ".svc");
            if (service.namespace().equals(view.node().namespace())) {
                names.add(service.name());
            }
        }
        return new ArrayList<>(names);
    }
}
