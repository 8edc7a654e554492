package dev.mesh.cli.local;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.TreeMap;

/// An Envoy bootstrap for one proxy of the local mesh: ADS from the pilot, admin on a loopback address.
///
/// @param nodeId `<type>~<ip>~<workload>.<namespace>~<namespace>.svc.cluster.local`
/// @param cluster what `node.cluster` says: the workload's `app` and namespace
/// @param labels of the workload
/// @param metadata more of `node.metadata`: text, numbers, or maps of them
/// @param adminPort on `adminAddress`
/// @param pilotPort plaintext xDS port on 127.0.0.1
public record ProxyBootstrap(
        String nodeId,
        String cluster,
        String namespace,
        Map<String, String> labels,
        Map<String, Object> metadata,
        String adminAddress,
        int adminPort,
        int pilotPort) {

    /// The bootstrap as JSON.
    public String json() {
        var node = new JsonObject();
        node.addProperty("id", nodeId);
        node.addProperty("cluster", cluster);
        var meta = new JsonObject();
        var gson = new Gson();
        meta.add("LABELS", gson.toJsonTree(new TreeMap<>(labels)));
        meta.addProperty("NAMESPACE", namespace);
        meta.addProperty("INTERCEPTION_MODE", "NONE");
        new TreeMap<>(metadata).forEach((name, value) -> meta.add(name, gson.toJsonTree(value)));
        node.add("metadata", meta);

        var root = new JsonObject();
        root.add("node", node);
        var admin = new JsonObject();
        admin.add("address", socketAddress(adminAddress, adminPort));
        root.add("admin", admin);
        root.add("dynamic_resources", dynamicResources());
        var resources = new JsonObject();
        var clusters = new JsonArray();
        clusters.add(pilotCluster());
        resources.add("clusters", clusters);
        root.add("static_resources", resources);
        return gson.toJson(root);
    }

    private static JsonObject dynamicResources() {
        var grpc = new JsonObject();
        var envoyGrpc = new JsonObject();
        envoyGrpc.addProperty("cluster_name", "xds-grpc");
        grpc.add("envoy_grpc", envoyGrpc);
        var services = new JsonArray();
        services.add(grpc);
        var ads = new JsonObject();
        ads.addProperty("api_type", "DELTA_GRPC");
        ads.addProperty("transport_api_version", "V3");
        ads.add("grpc_services", services);
        var byAds = new JsonObject();
        byAds.add("ads", new JsonObject());
        byAds.addProperty("resource_api_version", "V3");
        var dynamic = new JsonObject();
        dynamic.add("ads_config", ads);
        dynamic.add("lds_config", byAds);
        dynamic.add("cds_config", byAds.deepCopy());
        return dynamic;
    }

    private JsonObject pilotCluster() {
        var endpoint = new JsonObject();
        endpoint.add("address", socketAddress("127.0.0.1", pilotPort));
        var lbEndpoint = new JsonObject();
        lbEndpoint.add("endpoint", endpoint);
        var lbEndpoints = new JsonArray();
        lbEndpoints.add(lbEndpoint);
        var locality = new JsonObject();
        locality.add("lb_endpoints", lbEndpoints);
        var localities = new JsonArray();
        localities.add(locality);
        var assignment = new JsonObject();
        assignment.addProperty("cluster_name", "xds-grpc");
        assignment.add("endpoints", localities);

        var http2 = new JsonObject();
        http2.add("http2_protocol_options", new JsonObject());
        var options = new JsonObject();
        options.addProperty("@type", "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
        options.add("explicit_http_config", http2);
        var extensions = new JsonObject();
        extensions.add("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options);

        var cluster = new JsonObject();
        cluster.addProperty("name", "xds-grpc");
        cluster.addProperty("type", "STATIC");
        cluster.addProperty("connect_timeout", "1s");
        cluster.add("load_assignment", assignment);
        cluster.add("typed_extension_protocol_options", extensions);
        return cluster;
    }

    private static JsonObject socketAddress(String address, int port) {
        var socket = new JsonObject();
        socket.addProperty("address", address);
        socket.addProperty("port_value", port);
        var wrapped = new JsonObject();
        wrapped.add("socket_address", socket);
        return wrapped;
    }
}
