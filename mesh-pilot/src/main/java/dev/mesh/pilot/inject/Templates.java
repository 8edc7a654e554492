package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/// Which templates make up a pod's proxy.
final class Templates {
    static final String SIDECAR = "sidecar";
    static final String GATEWAY = "gateway";

    private Templates() {}

    /// Names in the order in which they are laid over the pod, aliases written out.
    static List<String> names(JsonObject pod, InjectorConfig config) {
        String own = Json.strings(pod, "metadata", "annotations").get(Names.TEMPLATES);
        var names = new ArrayList<String>();
        for (String name : own != null ? AddressLists.items(own) : config.defaultTemplates()) {
            names.addAll(config.aliases().getOrDefault(name, List.of(name)));
        }
        return names;
    }

    /// @return a partial pod
    /// @throws IllegalArgumentException with a sentence if there is no such template, or it cannot be filled in
    static JsonObject render(String name, TemplateInput input) {
        String custom = input.settings().config().templates().get(name);
        if (custom != null) {
            return CustomTemplate.render(name, custom, input);
        }
        return switch (name) {
            case SIDECAR -> SidecarTemplate.of(input);
            case GATEWAY -> GatewayTemplate.of(input);
            default -> {
                var known = new TreeSet<>(input.settings().config().templates().keySet());
                known.addAll(List.of(SIDECAR, GATEWAY));
                throw new IllegalArgumentException(
                        "template \"" + name + "\" is not known (expected: " + String.join(", ", known) + ")");
            }
        };
    }
}
