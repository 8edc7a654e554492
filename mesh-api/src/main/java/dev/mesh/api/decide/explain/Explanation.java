package dev.mesh.api.decide.explain;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// Why a request goes where it goes. Its JSON form is what `/explain` of the admin endpoint and `meshctl explain`
/// print.
///
/// @param verdict one sentence
/// @param steps everything that was looked at, in order
/// @param outcome what becomes of the request; null if nothing takes it
/// @param leftOut rules that the proxy was not given; only the pilot knows them
public record Explanation(
        String request,
        String verdict,
        List<Step> steps,
        @Nullable Outcome outcome,
        List<LeftOut> leftOut) {
    public Explanation {
        steps = List.copyOf(steps);
        leftOut = List.copyOf(leftOut);
    }

    /// This explanation with the pilot's part.
    public Explanation withLeftOut(List<LeftOut> rules) {
        return new Explanation(request, verdict, steps, outcome, rules);
    }

    /// One candidate.
    ///
    /// @param stage `listener`, `filter chain`, `virtual host`, `route`
    /// @param from the object that it was made from, or null
    public record Step(
            String stage,
            boolean taken,
            String name,
            String reason,
            @Nullable Origin from) {}

    /// @param position `file:line:column`; empty where it is not known
    public record Origin(String kind, String namespace, String name, String rule, String position) {
        @Override
        public String toString() {
            return kind + " " + (namespace.isEmpty() ? "" : namespace + "/") + name
                    + (rule.isEmpty() ? "" : " rule " + rule) + (position.isEmpty() ? "" : " (" + position + ")");
        }
    }

    /// @param routes name of the route configuration; empty for TCP
    /// @param action in words: `forward`, `redirect to ...`, `answer 404`
    /// @param details timeouts, retries, rewrites and the like, each a line
    public record Outcome(
            String listener,
            String filterChain,
            String routes,
            String virtualHost,
            String route,
            @Nullable Origin from,
            String action,
            List<String> details,
            List<ClusterShare> clusters) {}

    /// @param share of the requests, 0 to 1
    /// @param note what is special: that it is not known, or has no endpoint
    public record ClusterShare(
            String cluster, double share, String loadBalancing, String note, List<EndpointShare> endpoints) {}

    /// @param share of the cluster's requests, 0 to 1, as far as weights say; a policy may judge by load
    /// @param health `healthy`, or what is wrong with it
    public record EndpointShare(String address, int weight, String health, double share) {}

    /// @param from the rule
    public record LeftOut(Origin from, String virtualHost, String why) {}
}
