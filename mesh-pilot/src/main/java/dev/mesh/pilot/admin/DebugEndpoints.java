package dev.mesh.pilot.admin;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.render.ViewDump;
import dev.mesh.pilot.serve.AdsService;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/// What the pilot knows and what it sent. Paths and the form of `/debug/syncz` are Istio's.
@RestController
public final class DebugEndpoints {
    private static final Map<String, String> PAGES = pages();

    private final Mesh mesh;

    public DebugEndpoints(Mesh mesh) {
        this.mesh = mesh;
    }

    private static Map<String, String> pages() {
        var pages = new LinkedHashMap<String, String>();
        pages.put("/ready", "200 once configuration was read");
        pages.put("/debug/syncz", "the connected proxies, and what they took");
        pages.put("/debug/configz", "the objects that are known");
        pages.put("/debug/findings", "what is wrong with them");
        pages.put("/debug/registryz", "services and how many workloads serve them");
        pages.put("/debug/config_dump?proxyID=", "what a proxy was sent");
        pages.put("/metrics", "metrics for Prometheus");
        pages.put("/health", "health");
        return pages;
    }

    @GetMapping({"/", "/debug"})
    public Map<String, String> index() {
        return PAGES;
    }

    @GetMapping(path = "/ready", produces = MediaType.TEXT_PLAIN_VALUE)
    public ResponseEntity<String> ready() {
        return mesh.newest() == null
                ? ResponseEntity.status(HttpStatus.SERVICE_UNAVAILABLE).body("configuration has not been read yet\n")
                : ResponseEntity.ok("ready\n");
    }

    @GetMapping("/debug/syncz")
    public List<Map<String, Object>> syncz() {
        return mesh.connected().stream().map(DebugEndpoints::status).toList();
    }

    private static Map<String, Object> status(AdsService.Connected connected) {
        var status = new LinkedHashMap<String, Object>();
        status.put("proxy", connected.node().id());
        status.put("proxy_type", connected.node().type().name().toLowerCase(java.util.Locale.ROOT));
        status.put("proxy_version", connected.userAgent());
        status.put("connected_at", connected.since().toString());
        status.put("push_id", connected.view().pushId());
        connected.types().forEach((type, state) -> {
            String name = word(type);
            status.put(name + "_sent", state.sent());
            status.put(name + "_acked", state.acked());
            status.put(name + "_state", state.word());
            if (!state.error().isEmpty()) {
                status.put(name + "_error", state.error());
            }
        });
        return status;
    }

    private static String word(XdsType type) {
        return switch (type) {
            case CLUSTER -> "cluster";
            case ENDPOINT -> "endpoint";
            case LISTENER -> "listener";
            case ROUTE -> "route";
            case VIRTUAL_HOST -> "virtual_host";
            case SECRET -> "secret";
            case NAME_TABLE -> "name_table";
            case PUSH_COMMIT -> "push_commit";
        };
    }

    @GetMapping("/debug/configz")
    public List<Map<String, Object>> configz() {
        return mesh.objects().stream()
                .map(object -> {
                    var json = new LinkedHashMap<String, Object>();
                    json.put("apiVersion", object.apiVersion());
                    json.put("kind", object.ref().kind());
                    json.put("namespace", object.ref().namespace());
                    json.put("name", object.ref().name());
                    json.put("position", object.position().toString());
                    return (Map<String, Object>) json;
                })
                .toList();
    }

    @GetMapping("/debug/findings")
    public List<Map<String, Object>> findings() {
        return mesh.findings().stream()
                .map(finding -> {
                    var json = new LinkedHashMap<String, Object>();
                    json.put("severity", finding.severity().name());
                    json.put("code", finding.code().name());
                    json.put("text", finding.toString());
                    return (Map<String, Object>) json;
                })
                .toList();
    }

    @GetMapping("/debug/registryz")
    public List<Map<String, Object>> registryz() {
        var push = mesh.newest();
        if (push == null) {
            return List.of();
        }
        return push.services().values().stream()
                .map(service -> {
                    var json = new LinkedHashMap<String, Object>();
                    json.put("hostname", service.host());
                    json.put("from", service.from().toString());
                    json.put(
                            "ports",
                            service.ports().stream()
                                    .map(port -> port.number() + "/" + port.protocol())
                                    .toList());
                    json.put("endpoints", push.endpoints(service).size());
                    return (Map<String, Object>) json;
                })
                .toList();
    }

    /// @param proxyId node id
    @GetMapping(path = "/debug/config_dump", produces = MediaType.APPLICATION_JSON_VALUE)
    public ResponseEntity<String> configDump(@RequestParam(name = "proxyID", defaultValue = "") String proxyId)
            throws InvalidProtocolBufferException {
        for (var connected : mesh.connected()) {
            if (connected.node().id().equals(proxyId)) {
                return ResponseEntity.ok(JsonFormat.printer()
                        .usingTypeRegistry(EnvoyTypes.REGISTRY)
                        .preservingProtoFieldNames()
                        .print(ViewDump.of(connected.view())));
            }
        }
        return ResponseEntity.status(HttpStatus.NOT_FOUND)
                .body("{\"error\": \"no proxy with this id is connected; /debug/syncz lists them\"}\n");
    }
}
