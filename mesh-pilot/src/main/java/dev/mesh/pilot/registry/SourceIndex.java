package dev.mesh.pilot.registry;

import dev.mesh.api.finding.SourcePosition;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import java.util.Collection;

/// Where objects and their rules stand in their files.
public final class SourceIndex {
    private SourceIndex() {}

    /// `file:line:column` of a rule, else of its object; empty if it is not known.
    ///
    /// @param ruleName gives the name of an HTTP rule as it stands in resources
    public static String position(
            Collection<MeshObject> objects,
            String kind,
            String namespace,
            String name,
            String rule,
            RuleNames ruleName) {
        for (MeshObject object : objects) {
            if (object.ref().kind().equals(kind)
                    && object.ref().namespace().equals(namespace)
                    && object.ref().name().equals(name)) {
                if (object.spec() instanceof VirtualService spec) {
                    for (int i = 0; i < spec.http().size(); i++) {
                        if (ruleName.of(spec.http().get(i)).equals(rule)) {
                            return object.positions().of("spec.http[" + i + "]").toString();
                        }
                    }
                }
                SourcePosition position = object.position();
                return position.toString();
            }
        }
        return "";
    }

    /// Names rules as resources do.
    @FunctionalInterface
    public interface RuleNames {
        String of(VirtualService.HttpRoute route);
    }
}
