package dev.mesh.pilot.registry;

import dev.mesh.api.finding.SourcePosition;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import java.util.Collection;
import java.util.Map;

/// Where objects and their rules stand in their files.
public final class SourceIndex {
    private SourceIndex() {}

    /// `file:line:column` of a rule, else of its object; empty if it is not known.
    ///
    /// @param rules gives the names of rules as they stand in resources
    public static String position(
            Collection<MeshObject> objects, String kind, String namespace, String name, String rule, RuleNames rules) {
        for (MeshObject object : objects) {
            if (object.ref().kind().equals(kind)
                    && object.ref().namespace().equals(namespace)
                    && object.ref().name().equals(name)) {
                if (object.spec() instanceof VirtualService spec) {
                    String path = rules.of(spec).get(rule);
                    if (path != null) {
                        return object.positions().of(path).toString();
                    }
                }
                SourcePosition position = object.position();
                return position.toString();
            }
        }
        return "";
    }

    /// Names rules as resources do: name → field path.
    @FunctionalInterface
    public interface RuleNames {
        Map<String, String> of(VirtualService spec);
    }
}
