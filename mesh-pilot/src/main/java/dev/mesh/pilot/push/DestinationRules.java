package dev.mesh.pilot.push;

import dev.mesh.api.networking.DestinationRule;
import dev.mesh.pilot.model.ServiceInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Which DestinationRule a client uses for a host.
///
/// Looked for in the client's namespace, then in the service's, then in the root namespace; within one, the most
/// specific host wins, and a rule that selects the client's workload stands over one that selects none. Rules of one
/// namespace for one host are merged: subsets of all, the traffic policy of the oldest that has one (Istio,
/// "Destination rule merging").
public final class DestinationRules {
    private final Map<String, Map<String, List<PushContext.Rule<DestinationRule>>>> byNamespace;

    private final String rootNamespace;

    private DestinationRules(
            Map<String, Map<String, List<PushContext.Rule<DestinationRule>>>> byNamespace, String rootNamespace) {
        this.byNamespace = byNamespace;
        this.rootNamespace = rootNamespace;
    }

    /// @param rules oldest first
    /// @param rootNamespace whose rules hold where neither the client's namespace nor the service's has one
    public static DestinationRules of(List<PushContext.Rule<DestinationRule>> rules, String rootNamespace) {
        var byNamespace = new LinkedHashMap<String, Map<String, List<PushContext.Rule<DestinationRule>>>>();
        for (var rule : rules) {
            byNamespace
                    .computeIfAbsent(rule.namespace(), any -> new LinkedHashMap<>())
                    .computeIfAbsent(
                            PushContext.qualify(rule.spec().host(), rule.namespace()), any -> new ArrayList<>())
                    .add(rule);
        }
        return new DestinationRules(byNamespace, rootNamespace);
    }

    /// The rule that a client uses.
    ///
    /// @param labels of the client's workload
    /// @return merged, or null if there is none
    public @Nullable Merged find(ServiceInfo service, String clientNamespace, Map<String, String> labels) {
        return find(service.host(), service.namespace(), clientNamespace, labels);
    }

    private @Nullable Merged find(
            String host, String serviceNamespace, String clientNamespace, Map<String, String> labels) {
        Merged own = in(clientNamespace, host, clientNamespace, labels);
        if (own != null) {
            return own;
        }
        Merged beside =
                serviceNamespace.equals(clientNamespace) ? null : in(serviceNamespace, host, clientNamespace, labels);
        if (beside != null) {
            return beside;
        }
        return in(rootNamespace, host, clientNamespace, labels);
    }

    private @Nullable Merged in(String namespace, String host, String clientNamespace, Map<String, String> labels) {
        var byHost = byNamespace.get(namespace);
        if (byHost == null) {
            return null;
        }
        Merged best = null;
        var exact = byHost.get(host);
        if (exact != null) {
            best = merge(exact, namespace, clientNamespace, labels);
        }
        if (best != null) {
            return best;
        }
        String bestPattern = "";
        for (var entry : byHost.entrySet()) {
            String pattern = entry.getKey();
            if (pattern.startsWith("*")
                    && pattern.length() > bestPattern.length()
                    && PushContext.covers(pattern, host)) {
                Merged merged = merge(entry.getValue(), namespace, clientNamespace, labels);
                if (merged != null) {
                    best = merged;
                    bestPattern = pattern;
                }
            }
        }
        return best;
    }

    private static @Nullable Merged merge(
            List<PushContext.Rule<DestinationRule>> rules,
            String namespace,
            String clientNamespace,
            Map<String, String> labels) {
        var selecting = new ArrayList<PushContext.Rule<DestinationRule>>();
        var others = new ArrayList<PushContext.Rule<DestinationRule>>();
        for (var rule : rules) {
            var selector = rule.spec().workloadSelector();
            if (selector != null) {
                if (namespace.equals(clientNamespace)
                        && labels.entrySet().containsAll(selector.matchLabels().entrySet())) {
                    selecting.add(rule);
                }
            } else if (ServiceInfo.isExported(rule.spec().exportTo(), namespace, clientNamespace)) {
                others.add(rule);
            }
        }
        var chosen = selecting.isEmpty() ? others : selecting;
        if (chosen.isEmpty()) {
            return null;
        }
        var subsets = new LinkedHashMap<String, DestinationRule.Subset>();
        dev.mesh.api.networking.TrafficPolicy policy = null;
        for (var rule : chosen) {
            rule.spec().subsets().forEach(subset -> subsets.putIfAbsent(subset.name(), subset));
            policy = policy == null ? rule.spec().trafficPolicy() : policy;
        }
        return new Merged(List.copyOf(chosen), policy, List.copyOf(subsets.values()));
    }

    /// What rules for one host say together.
    ///
    /// @param rules oldest first
    public record Merged(
            List<PushContext.Rule<DestinationRule>> rules,
            dev.mesh.api.networking.@Nullable TrafficPolicy policy,
            List<DestinationRule.Subset> subsets) {
        /// The oldest.
        public PushContext.Rule<DestinationRule> first() {
            return rules.getFirst();
        }
    }

    /// Whether any rule for the host defines the subset; for remarks.
    boolean defines(String host, String subset) {
        return byNamespace.values().stream()
                .flatMap(byHost -> byHost.entrySet().stream())
                .filter(entry -> PushContext.covers(entry.getKey(), host))
                .flatMap(entry -> entry.getValue().stream())
                .flatMap(rule -> rule.spec().subsets().stream())
                .anyMatch(candidate -> candidate.name().equals(subset));
    }
}
