package dev.mesh.api.finding;

import java.util.Collection;
import java.util.TreeMap;

/// What is accepted in a folder and no part of the mesh, in one line: people apply the manifests of a whole
/// application, and want to see at a glance which kinds nothing was made of.
public final class LeftAside {
    private LeftAside() {}

    /// Such as `6 Deployments (apps), 4 ServiceAccounts`, by group and kind; empty if there is nothing.
    ///
    /// @param findings of any code; those of [Finding.Code#FOREIGN_KIND] are counted
    public static String summary(Collection<Finding> findings) {
        var counts = new TreeMap<ResourceRef, Integer>();
        for (Finding finding : findings) {
            ResourceRef about = finding.about();
            if (finding.code() == Finding.Code.FOREIGN_KIND && about != null) {
                counts.merge(new ResourceRef(about.group(), about.kind(), "", ""), 1, Integer::sum);
            }
        }
        var line = new StringBuilder();
        counts.forEach((kind, count) -> {
            line.append(line.isEmpty() ? "" : ", ").append(count).append(' ');
            line.append(count == 1 ? kind.kind() : plural(kind.kind()));
            if (!kind.group().isEmpty()) {
                line.append(" (").append(kind.group()).append(')');
            }
        });
        return line.toString();
    }

    private static String plural(String kind) {
        if (kind.endsWith("s") || kind.endsWith("ch")) {
            return kind + "es";
        }
        return kind.endsWith("cy") ? kind.substring(0, kind.length() - 1) + "ies" : kind + "s";
    }
}
