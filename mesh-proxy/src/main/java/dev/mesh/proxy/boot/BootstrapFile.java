package dev.mesh.proxy.boot;

import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.util.List;
import java.util.Map;

/// A bootstrap, and where each of its fields stands.
///
/// @param places `file:line:column` by field path
record BootstrapFile(Bootstrap bootstrap, Map<String, String> places) {
    /// The same with another bootstrap, such as one that options have changed.
    BootstrapFile with(Bootstrap changed) {
        return new BootstrapFile(changed, places);
    }

    /// Puts the place before each reason whose field path leads to one.
    ConfigRejected located(ConfigRejected rejected) {
        List<String> reasons = rejected.reasons().stream()
                .map(reason -> place(reason) + ": " + reason)
                .toList();
        return new ConfigRejected(reasons);
    }

    // `static_resources.listeners[0] (web).filter_chains[0].filters[0] (hcm): http_filters[0]: what is wrong`: names in
    // brackets are no part of the path, and what is packed is one step deeper than the reason says.
    private String place(String reason) {
        String found = "";
        String rest = reason.replaceAll("(\\[\\d+]) \\([^()]*\\)", "$1");
        for (String step : rest.split("(\\.|: )", -1)) {
            String next = found.isEmpty() ? step : found + "." + step;
            String packed = found + ".typed_config." + step;
            if (places.containsKey(next)) {
                found = next;
            } else if (places.containsKey(packed)) {
                found = packed;
            } else {
                break;
            }
        }
        return places.getOrDefault(found, "");
    }
}
