package dev.mesh.proxy.admin;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.core.v3.Node;
import java.util.Map;

/// Pages on the process as a whole.
final class ServerHandler {
    private final AdminView view;

    ServerHandler(AdminView view) {
        this.view = view;
    }

    Reply ready(Map<String, String> query) {
        AdminView.State state = view.state();
        return new Reply(state == AdminView.State.LIVE ? 200 : 503, Reply.TEXT, state + "\n");
    }

    /// `envoy.admin.v3.ServerInfo`; which push is in effect stands in the node's metadata.
    Reply serverInfo(Map<String, String> query) {
        var info = new JsonObject();
        info.addProperty("version", "mesh-proxy/" + AdminHandlers.version());
        info.addProperty("state", view.state().toString());
        info.addProperty("uptime_current_epoch", view.uptimeSeconds() + "s");
        info.addProperty("uptime_all_epochs", view.uptimeSeconds() + "s");
        info.addProperty("hot_restart_version", "disabled");
        var options = new JsonObject();
        options.addProperty("service_cluster", view.bootstrap().getNode().getCluster());
        options.addProperty("service_node", view.bootstrap().getNode().getId());
        options.addProperty("mode", "Serve");
        options.addProperty("disable_hot_restart", true);
        info.add("command_line_options", options);
        info.add("node", node());
        return Reply.json(info.toString());
    }

    private JsonObject node() {
        Node.Builder node = view.bootstrap().getNode().toBuilder();
        if (!view.pushId().isEmpty()) {
            Struct metadata = node.getMetadata().toBuilder()
                    .putFields(
                            "MESH_PUSH_ID",
                            Value.newBuilder().setStringValue(view.pushId()).build())
                    .build();
            node.setMetadata(metadata);
        }
        try {
            String json = JsonFormat.printer()
                    .usingTypeRegistry(EnvoyTypes.REGISTRY)
                    .preservingProtoFieldNames()
                    .print(node);
            return JsonParser.parseString(json).getAsJsonObject();
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a node packs nothing", e);
        }
    }

    /// `envoy.admin.v3.Memory`, of the Java heap.
    Reply memory(Map<String, String> query) {
        Runtime runtime = Runtime.getRuntime();
        var info = new JsonObject();
        info.addProperty("allocated", Long.toString(runtime.totalMemory() - runtime.freeMemory()));
        info.addProperty("heap_size", Long.toString(runtime.totalMemory()));
        info.addProperty("pageheap_unmapped", Long.toString(runtime.maxMemory() - runtime.totalMemory()));
        info.addProperty("pageheap_free", Long.toString(runtime.freeMemory()));
        return Reply.json(info.toString());
    }

    /// `envoy.admin.v3.Certificates`.
    Reply certs(Map<String, String> query) {
        return Reply.json(Certificates.of(view.loader().dump(), view.secrets()).toString());
    }

    /// `envoy.admin.v3.UnreadyTargetsDumps`: resources that were accepted and wait for what they refer to.
    Reply initDump(Map<String, String> query) {
        var names = new JsonArray();
        for (Entry entry : view.loader().dump()) {
            if (!entry.warmingVersion().isEmpty()) {
                names.add(entry.type().shortName() + " " + entry.name());
            }
        }
        var root = new JsonObject();
        if (!names.isEmpty()) {
            var dump = new JsonObject();
            dump.addProperty("name", "warming");
            dump.add("target_names", names);
            var dumps = new JsonArray();
            dumps.add(dump);
            root.add("unready_targets_dumps", dumps);
        }
        return Reply.json(root.toString());
    }

    Reply drainListeners(Map<String, String> query) {
        boolean graceful = query.containsKey("graceful");
        boolean stay = query.containsKey("skip_exit");
        if (stay && !graceful) {
            return Reply.wrong("skip_exit requires graceful");
        }
        view.drain(graceful, query.containsKey("inboundonly"), stay);
        return Reply.text("OK\n");
    }

    Reply failHealthCheck(Map<String, String> query) {
        view.failHealthCheck(true);
        return Reply.text("OK\n");
    }

    Reply passHealthCheck(Map<String, String> query) {
        view.failHealthCheck(false);
        return Reply.text("OK\n");
    }

    Reply resetCounters(Map<String, String> query) {
        view.stats().resetCounters();
        return Reply.text("OK\n");
    }

    Reply quit(Map<String, String> query) {
        view.quit();
        return Reply.text("OK\n");
    }
}
