package dev.mesh.pilot.generate;

import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.push.PushContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/// The tcp and tls rules of a virtual service → filter chains.
final class TcpRules {
    private final ViewBuilder view;
    private final RuleSelection rules;

    TcpRules(ViewBuilder view, RuleSelection rules) {
        this.view = view;
        this.rules = rules;
    }

    /// The first tcp rule that is for the port.
    ///
    /// @param addresses of the service, for `destinationSubnets`; empty on a gateway
    /// @param gateway see [RuleSelection#http]
    Optional<ListenerProtos.TcpChain> tcp(
            PushContext.Rule<VirtualService> rule, int port, List<String> addresses, Predicate<String> gateway) {
        for (var route : rule.spec().tcp()) {
            boolean taken = route.match().isEmpty()
                    || route.match().stream()
                            .anyMatch(match -> (match.port() == 0 || match.port() == port)
                                    && Subnets.anyContains(match.destinationSubnets(), addresses)
                                    && RuleSelection.whyNot(
                                                    match.sourceLabels(),
                                                    match.sourceNamespace(),
                                                    match.gateways(),
                                                    view.node(),
                                                    gateway)
                                            .isEmpty());
            if (taken) {
                return Optional.of(new ListenerProtos.TcpChain(
                        List.of(),
                        targets(rule, route.route(), port),
                        rule.object().ref(),
                        Names.rule(route)));
            }
            view.leaveOut(new LeftOut(rule.object().ref(), "tcp", "", "not for port " + port + " of this proxy"));
        }
        return Optional.empty();
    }

    /// A chain for each tls rule's server names, the first rule for a name winning.
    List<ListenerProtos.TcpChain> tls(PushContext.Rule<VirtualService> rule, int port, Predicate<String> gateway) {
        var chains = new ArrayList<ListenerProtos.TcpChain>();
        var taken = new java.util.HashSet<String>();
        for (var route : rule.spec().tls()) {
            for (var match : route.match()) {
                boolean here = (match.port() == 0 || match.port() == port)
                        && RuleSelection.whyNot(
                                        match.sourceLabels(),
                                        match.sourceNamespace(),
                                        match.gateways(),
                                        view.node(),
                                        gateway)
                                .isEmpty();
                var names = match.sniHosts().stream()
                        .filter(name -> here && taken.add(name))
                        .toList();
                if (!names.isEmpty()) {
                    chains.add(new ListenerProtos.TcpChain(
                            names.contains("*") ? List.of() : names,
                            targets(rule, route.route(), port),
                            rule.object().ref(),
                            Names.rule(route)));
                }
            }
        }
        return chains;
    }

    private List<RouteProtos.Target> targets(
            PushContext.Rule<VirtualService> rule, List<VirtualService.RouteDestination> routes, int port) {
        return routes.stream()
                .map(route -> rules.target(
                        route.destination(), routes.size() == 1 ? 1 : route.weight(), null, rule.namespace(), port))
                .filter(target -> target.weight() > 0)
                .toList();
    }
}
