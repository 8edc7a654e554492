package dev.mesh.proxy.admin;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `/debug/ndsz`: the table of names (NDS), under the path of Istio's agent; and what a name means to the proxy.
final class NamesHandler {
    private NamesHandler() {}

    static Reply names(AdminView view) {
        NameTable table = view.names();
        if (table == null) {
            return new Reply(
                    404,
                    Reply.TEXT,
                    "no names: this proxy answers no DNS questions (expected: ISTIO_META_DNS_CAPTURE=true in its"
                            + " environment, and a table from the control plane)\n");
        }
        try {
            return Reply.json(JsonFormat.printer().print(table) + "\n");
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a table has no Any", e);
        }
    }

    /// The addresses that an application beside the proxy gets for a name, which may be a short one; none if the mesh
    /// does not know it.
    ///
    /// @param domain of the proxy's node id: `<namespace>.svc.<cluster domain>`
    static List<String> resolve(@Nullable NameTable table, String name, String domain) {
        if (table == null || name.isEmpty()) {
            return List.of();
        }
        String asked = name.toLowerCase(Locale.ROOT);
        Map<String, NameInfo> known = table.getTableMap();
        NameInfo found = known.get(asked);
        for (String rest = "." + domain; found == null && rest.length() > 1; rest = tail(rest)) {
            found = known.get(asked + rest);
        }
        for (int dot = asked.indexOf('.'); found == null && dot >= 0; dot = asked.indexOf('.', dot + 1)) {
            found = known.get("*" + asked.substring(dot));
        }
        return found == null ? List.of() : found.getIpsList();
    }

    private static String tail(String domain) {
        int dot = domain.indexOf('.', 1);
        return dot < 0 ? "" : domain.substring(dot);
    }
}
