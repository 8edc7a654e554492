package dev.mesh.proxy.agent;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.meta.Ports;
import dev.mesh.api.shape.TimeSpans;
import dev.mesh.proxy.dns.DnsServer;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.ResolvConf;
import dev.mesh.proxy.tls.WorkloadKey;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Environment, files and arguments of a pod → [PodSettings], with the names and defaults of Istio's pilot-agent. Pure
/// but for the files that `source` gives it.
public final class PodReader {
    private static final String ROOT_FILE = "/var/run/secrets/istio/root-cert.pem";
    private static final String TOKEN_FILE = "/var/run/secrets/tokens/istio-token";
    private static final String LABELS_FILE = "/etc/istio/pod/labels";
    private static final String ANNOTATIONS_FILE = "/etc/istio/pod/annotations";
    private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
    private static final Path INTERFACES_SIX = Path.of("/proc/net/if_inet6");
    private static final String META = "ISTIO_META_";
    private static final String DNS_CAPTURE = META + "DNS_CAPTURE";
    private static final String META_JSON = "ISTIO_METAJSON_";
    private static final int DEFAULT_CONCURRENCY = 2;
    /// What Istio's agent knows and this proxy does otherwise or not at all.
    private static final Map<String, String> NOT_HONOURED = Map.of(
            "OUTPUT_CERTS", "keys and certificates stay in memory",
            "FILE_MOUNTED_CERTS", "the certificate is always asked for with the pod's token",
            "CA_PROVIDER", "the certificate is always asked for as from istiod",
            "CREDENTIAL_FETCHER_TYPE", "the token is always the file of volume istio-token",
            "PROXY_XDS_VIA_AGENT", "the proxy speaks xDS itself",
            "ISTIO_BOOTSTRAP_OVERRIDE", "the bootstrap is made in memory");

    /// What the command line says.
    ///
    /// @param role `sidecar` or `router`
    /// @param domain DNS domain of the pod's namespace; empty = by the namespace
    /// @param concurrency null = by the environment
    /// @param serviceCluster empty = by the environment
    public record Arguments(
            String role, String domain, @Nullable Integer concurrency, String serviceCluster) {}

    /// Where files are read from.
    public interface Source {
        /// @return null if there is no such file
        /// @throws IOException if it cannot be read
        @Nullable
        String read(Path file) throws IOException;

        /// The machine's.
        Source MACHINE = file -> {
            try {
                return Files.readString(file);
            } catch (NoSuchFileException e) {
                return null;
            }
        };
    }

    private final Arguments arguments;
    private final Map<String, String> environment;
    private final Source source;
    private final List<String> mistakes = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();

    private PodReader(Arguments arguments, Map<String, String> environment, Source source) {
        this.arguments = arguments;
        this.environment = new TreeMap<>(environment);
        this.source = source;
    }

    /// @throws ConfigRejected with every mistake, a sentence each
    public static PodSettings read(Arguments arguments, Map<String, String> environment, Source source)
            throws ConfigRejected {
        return new PodReader(arguments, environment, source).settings();
    }

    private PodSettings settings() throws ConfigRejected {
        ProxyConfig config = ProxyConfig.read(environment.getOrDefault("PROXY_CONFIG", ""), mistakes, remarks);
        // As the injector does with them; what the pod itself says counts more.
        config.proxyMetadata().forEach(environment::putIfAbsent);
        NOT_HONOURED.forEach((name, why) -> {
            if (!text(name).isEmpty()) {
                remarks.add(name + ": not honoured by mesh-proxy: " + why);
            }
        });
        String name = required("POD_NAME", "metadata.name by the downward API");
        String namespace = required("POD_NAMESPACE", "metadata.namespace by the downward API");
        Map<InetAddress, String> addresses = addresses();
        Endpoint discovery = endpoint("PROXY_CONFIG.discoveryAddress", config.discoveryAddress());
        Endpoint authority = text("CA_ADDR").isEmpty() ? discovery : endpoint("CA_ADDR", text("CA_ADDR"));
        Map<String, String> labels = labels();
        Map<String, String> annotations = downward(ANNOTATIONS_FILE);
        boolean plain = config.plaintext();
        Path xdsRoot = Path.of(text("XDS_ROOT_CA", ROOT_FILE));
        PodSettings.Identity identity = plain && text("CA_ADDR").isEmpty() ? null : identity(namespace, authority);
        var ports = new PodSettings.Ports(
                config.statusPort(),
                port("ENVOY_STATUS_PORT", Ports.HEALTH),
                port("ENVOY_PROMETHEUS_PORT", Ports.PROMETHEUS));
        String mode = text(META + "INTERCEPTION_MODE", config.interceptionMode());
        if (!Set.of("REDIRECT", "TPROXY", "NONE").contains(mode)) {
            mistakes.add(META + "INTERCEPTION_MODE: \"" + mode + "\" (expected: REDIRECT, TPROXY or NONE)");
        }
        boolean sidecar = arguments.role().equals("sidecar");
        boolean intercepts = sidecar && !mode.equals("NONE");
        String domain = arguments.domain().isEmpty() ? namespace + ".svc.cluster.local" : arguments.domain();
        DnsServer.Settings dns = sidecar && flag(DNS_CAPTURE) ? dns(namespace, domain) : null;
        int concurrency = concurrency(config);
        Map<String, AppProbe> probes = AppProbes.read(text("ISTIO_KUBE_APP_PROBERS"), mistakes);
        PodSettings.AppMetrics metrics = metrics();
        var ending = new PodSettings.Ending(
                span("TERMINATION_DRAIN_DURATION_SECONDS", config.terminationDrainDuration()),
                flag("EXIT_ON_ZERO_ACTIVE_CONNECTIONS"),
                span("MINIMUM_DRAIN_DURATION", Duration.ofSeconds(5)),
                config.drainDuration());
        Struct.Builder metadata = metadata(name, namespace, addresses, labels, annotations, ports, config, mode);
        if (!mistakes.isEmpty()) {
            throw new ConfigRejected(mistakes);
        }
        var node = new PodBootstrap.NodeName(
                arguments.role() + "~" + addresses.values().iterator().next() + "~" + name + "." + namespace + "~"
                        + domain,
                cluster(config, labels, namespace));
        var bootstrap = PodBootstrap.of(
                node,
                metadata.build(),
                config.proxyAdminPort(),
                new PodBootstrap.ControlPlane(
                        discovery.host(),
                        discovery.port(),
                        plain ? null : xdsRoot,
                        text("ISTIOD_SAN", discovery.host()),
                        identity != null));
        return new PodSettings(
                bootstrap,
                addresses.keySet().iterator().next(),
                concurrency,
                identity,
                intercepts ? List.of(Ports.OUTBOUND, Ports.INBOUND) : List.of(),
                ports,
                probes,
                metrics,
                ending,
                dns,
                List.copyOf(remarks));
    }

    // ---- single values ----

    private String text(String name) {
        return environment.getOrDefault(name, "");
    }

    private String text(String name, String usual) {
        String value = text(name);
        return value.isEmpty() ? usual : value;
    }

    private String required(String name, String expected) {
        String value = text(name);
        if (value.isEmpty()) {
            mistakes.add(name + ": not set (expected: " + expected + ")");
        }
        return value;
    }

    private int port(String name, int usual) {
        String value = text(name);
        if (value.isEmpty()) {
            return usual;
        }
        if (!value.matches("[0-9]{1,5}") || Integer.parseInt(value) > 65535) {
            mistakes.add(name + ": \"" + value + "\" (expected: a port, 0-65535)");
            return usual;
        }
        return Integer.parseInt(value);
    }

    private boolean flag(String name) {
        return switch (text(name).toLowerCase(Locale.ROOT)) {
            case "true", "1" -> true;
            case "false", "0", "" -> false;
            default -> {
                mistakes.add(name + ": \"" + text(name) + "\" (expected: true or false)");
                yield false;
            }
        };
    }

    private Duration span(String name, Duration usual) {
        String value = text(name);
        if (value.isEmpty()) {
            return usual;
        }
        // Istio's variable that ends so is a number of seconds; the others are lengths of time.
        var parsed = TimeSpans.parse(name.endsWith("_SECONDS") && value.matches("[0-9]{1,6}") ? value + "s" : value);
        if (parsed.isEmpty() || parsed.get().isNegative()) {
            mistakes.add(name + ": \"" + value + "\" (expected: a length of time such as 5s)");
            return usual;
        }
        return parsed.get();
    }

    /// Where something listens.
    private record Endpoint(String host, int port) {}

    private Endpoint endpoint(String name, String value) {
        int colon = value.lastIndexOf(':');
        String host = colon < 0 ? value : value.substring(0, colon);
        String port = colon < 0 ? "" : value.substring(colon + 1);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (host.isEmpty()
                || host.contains("/")
                || host.contains(" ")
                || !port.matches("[1-9][0-9]{0,4}")
                || Integer.parseInt(port) > 65535) {
            mistakes.add(name + ": \"" + value + "\" (expected: HOST:PORT, such as mesh-pilot.mesh-system.svc:15012)");
            return new Endpoint("", 0);
        }
        return new Endpoint(host, Integer.parseInt(port));
    }

    // As they are written, by what they mean: the first is the pod's.
    private Map<InetAddress, String> addresses() {
        var all = new LinkedHashMap<InetAddress, String>();
        for (String name : List.of("INSTANCE_IP", "INSTANCE_IPS")) {
            for (String value : text(name).split(",", -1)) {
                if (!value.isBlank()) {
                    try {
                        all.putIfAbsent(InetAddress.ofLiteral(value.strip()), value.strip());
                    } catch (IllegalArgumentException e) {
                        mistakes.add(name + ": \"" + value.strip() + "\" (expected: an IP address)");
                    }
                }
            }
        }
        if (all.isEmpty() && text("INSTANCE_IP").isEmpty()) {
            mistakes.add("INSTANCE_IP: not set (expected: status.podIP by the downward API)");
        }
        return all;
    }

    // ---- identity ----

    private PodSettings.Identity identity(String namespace, Endpoint authority) {
        String account = required("SERVICE_ACCOUNT", "spec.serviceAccountName by the downward API");
        String trustDomain = text("TRUST_DOMAIN", "cluster.local");
        if (!trustDomain.matches("[A-Za-z0-9._-]+")) {
            mistakes.add("TRUST_DOMAIN: \"" + trustDomain + "\" (expected: letters, digits, dots, dashes)");
        }
        Duration validity = span("SECRET_TTL", Duration.ofHours(24));
        if (validity.compareTo(Duration.ofMinutes(1)) < 0) {
            mistakes.add("SECRET_TTL: \"" + text("SECRET_TTL") + "\" (expected: at least 1m)");
        }
        return new PodSettings.Identity(
                "spiffe://" + trustDomain + "/ns/" + namespace + "/sa/" + account,
                key(),
                validity,
                authority.host(),
                authority.port(),
                text("ISTIOD_SAN", authority.host()),
                Path.of(text("CA_ROOT_CA", ROOT_FILE)),
                Path.of(text("MESH_TOKEN_FILE", TOKEN_FILE)),
                text(META + "CLUSTER_ID"));
    }

    // RSA only where it is asked for: an elliptic key is made in no time, and its handshakes cost a fraction.
    private WorkloadKey.Kind key() {
        String algorithm =
                text("ECC_SIGNATURE_ALGORITHM", text("WORKLOAD_RSA_KEY_SIZE").isEmpty() ? "ECDSA" : "RSA");
        return switch (algorithm) {
            case "ECDSA" ->
                switch (text("ECC_CURVE", "P256")) {
                    case "P256" -> WorkloadKey.Kind.P256;
                    case "P384" -> WorkloadKey.Kind.P384;
                    default -> {
                        mistakes.add("ECC_CURVE: \"" + text("ECC_CURVE") + "\" (expected: P256 or P384)");
                        yield WorkloadKey.Kind.P256;
                    }
                };
            case "RSA" ->
                switch (text("WORKLOAD_RSA_KEY_SIZE", "2048")) {
                    case "2048" -> WorkloadKey.Kind.RSA_2048;
                    case "3072" -> WorkloadKey.Kind.RSA_3072;
                    case "4096" -> WorkloadKey.Kind.RSA_4096;
                    default -> {
                        mistakes.add("WORKLOAD_RSA_KEY_SIZE: \"" + text("WORKLOAD_RSA_KEY_SIZE")
                                + "\" (expected: 2048, 3072 or 4096)");
                        yield WorkloadKey.Kind.RSA_2048;
                    }
                };
            default -> {
                mistakes.add("ECC_SIGNATURE_ALGORITHM: \"" + algorithm + "\" (expected: ECDSA, or RSA)");
                yield WorkloadKey.Kind.P256;
            }
        };
    }

    // ---- DNS ----

    private DnsServer.Settings dns(String namespace, String domain) {
        String text = null;
        try {
            text = source.read(RESOLV_CONF);
            if (text == null) {
                mistakes.add(DNS_CAPTURE + ": " + RESOLV_CONF + " does not exist (expected: the pod's name servers)");
            }
        } catch (IOException e) {
            mistakes.add(DNS_CAPTURE + ": " + RESOLV_CONF + " cannot be read (" + e.getMessage() + ")");
        }
        ResolvConf pod = ResolvConf.parse(text == null ? "" : text);
        if (text != null && pod.nameServers().isEmpty()) {
            remarks.add(DNS_CAPTURE + ": " + RESOLV_CONF + " names no server: names outside the mesh are not found");
        }
        // Istio's variable.
        String listen = text("DNS_PROXY_ADDR", "localhost:" + Ports.DNS);
        int colon = listen.lastIndexOf(':');
        String port = colon < 0 ? "" : listen.substring(colon + 1);
        List<InetAddress> hosts = List.of();
        if (!port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
            mistakes.add("DNS_PROXY_ADDR: \"" + listen + "\" (expected: HOST:PORT, such as localhost:15053)");
            port = "0";
        } else {
            hosts = dnsHosts(listen, listen.substring(0, colon));
        }
        return DnsServer.Settings.of(
                hosts, Integer.parseInt(port), namespace, domain, pod, flag("DNS_FORWARD_PARALLEL"));
    }

    private List<InetAddress> dnsHosts(String listen, String host) {
        if (host.equals("localhost")) {
            InetAddress four = InetAddress.ofLiteral("127.0.0.1");
            return hasLoopbackSix() ? List.of(four, InetAddress.ofLiteral("::1")) : List.of(four);
        }
        try {
            return List.of(InetAddress.ofLiteral(host.replaceAll("[\\[\\]]", "")));
        } catch (IllegalArgumentException e) {
            mistakes.add("DNS_PROXY_ADDR: \"" + listen + "\" (expected: localhost or an IP address)");
            return List.of();
        }
    }

    private boolean hasLoopbackSix() {
        try {
            String addresses = source.read(INTERFACES_SIX);
            return addresses != null && addresses.contains("0".repeat(31) + "1 ");
        } catch (IOException e) {
            return false; // a machine without IPv6
        }
    }

    // ---- the rest ----

    private int concurrency(ProxyConfig config) {
        Integer asked = arguments.concurrency() == null ? config.concurrency() : arguments.concurrency();
        if (asked != null) {
            return asked;
        }
        String limit = text("ISTIO_CPU_LIMIT");
        if (limit.isEmpty()) {
            return DEFAULT_CONCURRENCY;
        }
        // The downward API rounds up to whole processors; `500m` and `1.5` are what people write.
        String number = limit.endsWith("m") ? limit.substring(0, limit.length() - 1) : limit;
        if (!number.matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
            mistakes.add("ISTIO_CPU_LIMIT: \"" + limit + "\" (expected: processors, such as 2 or 500m)");
            return DEFAULT_CONCURRENCY;
        }
        double processors = Double.parseDouble(number) / (limit.endsWith("m") ? 1000 : 1);
        return Math.clamp((long) Math.ceil(processors), 1, 999);
    }

    private PodSettings.@Nullable AppMetrics metrics() {
        JsonObject asked = object("ISTIO_PROMETHEUS_ANNOTATIONS", text("ISTIO_PROMETHEUS_ANNOTATIONS"));
        if (asked == null || !string(asked, "scrape").equals("true")) {
            return null;
        }
        String scheme = string(asked, "scheme");
        String port = string(asked, "port").isEmpty() ? "80" : string(asked, "port");
        String path = string(asked, "path");
        if (!scheme.isEmpty() && !scheme.equals("http") && !scheme.equals("https")) {
            mistakes.add("ISTIO_PROMETHEUS_ANNOTATIONS.scheme: \"" + scheme + "\" (expected: http or https)");
        }
        if (!port.matches("[1-9][0-9]{0,4}") || Integer.parseInt(port) > 65535) {
            mistakes.add("ISTIO_PROMETHEUS_ANNOTATIONS.port: \"" + port + "\" (expected: 1-65535)");
            return null;
        }
        return new PodSettings.AppMetrics(
                scheme.isEmpty() ? "http" : scheme,
                Integer.parseInt(port),
                path.isEmpty() ? "/metrics" : path.startsWith("/") ? path : "/" + path);
    }

    private static String string(JsonObject object, String name) {
        JsonElement value = object.get(name);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }

    private @Nullable JsonObject object(String name, String json) {
        if (json.isBlank()) {
            return null;
        }
        try {
            if (JsonParser.parseString(json) instanceof JsonObject object) {
                return object;
            }
            mistakes.add(name + ": not a JSON object");
        } catch (JsonSyntaxException e) {
            mistakes.add(name + ": not JSON: " + AppProbes.said(e));
        }
        return null;
    }

    private Map<String, String> labels() {
        var labels = new TreeMap<String, String>();
        JsonObject given = object(META_JSON + "LABELS", text(META_JSON + "LABELS"));
        if (given != null) {
            given.asMap()
                    .forEach((label, value) -> labels.put(label, value.isJsonPrimitive() ? value.getAsString() : ""));
        }
        labels.putAll(downward(LABELS_FILE));
        labels.remove("pod-template-hash");
        return labels;
    }

    // A line is `name="value"`, the value written as Go writes it.
    private Map<String, String> downward(String file) {
        var values = new TreeMap<String, String>();
        String text;
        try {
            text = source.read(Path.of(file));
        } catch (IOException e) {
            mistakes.add(file + ": cannot be read (" + e.getMessage() + ")");
            return values;
        }
        int number = 0;
        for (String line : text == null ? new String[0] : text.split("\n", -1)) {
            number++;
            int equals = line.indexOf('=');
            if (equals < 1) {
                continue;
            }
            String value = GoText.unquote(line.substring(equals + 1).strip());
            if (value == null) {
                mistakes.add(file + ":" + number + ": " + line.substring(equals + 1) + " (expected: text in quotes)");
            } else {
                values.put(line.substring(0, equals), value);
            }
        }
        return values;
    }

    private String cluster(ProxyConfig config, Map<String, String> labels, String namespace) {
        String given = arguments.serviceCluster().isEmpty() ? config.serviceCluster() : arguments.serviceCluster();
        if (!given.isEmpty() && !given.equals("istio-proxy")) {
            return given;
        }
        String app = labels.get("app");
        if (app != null) {
            return app + "." + namespace;
        }
        return text(META + "WORKLOAD_NAME", "istio-proxy") + "." + namespace;
    }

    private Struct.Builder metadata(
            String name,
            String namespace,
            Map<InetAddress, String> addresses,
            Map<String, String> labels,
            Map<String, String> annotations,
            PodSettings.Ports ports,
            ProxyConfig config,
            String mode) {
        var metadata = Struct.newBuilder();
        environment.forEach((variable, value) -> {
            if (variable.startsWith(META) && variable.length() > META.length()) {
                metadata.putFields(variable.substring(META.length()), string(value));
            }
        });
        // Of the variable only the prefix counts: its value is an object whose members are metadata each, as in Istio;
        // labels stand in their own place.
        environment.forEach((variable, value) -> {
            if (variable.startsWith(META_JSON) && !variable.equals(META_JSON + "LABELS")) {
                JsonObject object = object(variable, value);
                if (object != null) {
                    object.asMap().forEach((key, member) -> metadata.putFields(key, json(member)));
                }
            }
        });
        metadata.putFields("NAME", string(name));
        metadata.putFields("NAMESPACE", string(namespace));
        if (!text("SERVICE_ACCOUNT").isEmpty()) {
            metadata.putFields("SERVICE_ACCOUNT", string(text("SERVICE_ACCOUNT")));
        }
        metadata.putFields("INTERCEPTION_MODE", string(mode));
        metadata.putFields("INSTANCE_IPS", string(String.join(",", addresses.values())));
        metadata.putFields("LABELS", object(labels));
        if (!annotations.isEmpty()) {
            metadata.putFields("ANNOTATIONS", object(annotations));
        }
        metadata.putFields("ENVOY_STATUS_PORT", number(ports.health()));
        metadata.putFields("ENVOY_PROMETHEUS_PORT", number(ports.prometheus()));
        metadata.putFields("PROXY_CONFIG", json(config.json()));
        return metadata;
    }

    private static Value string(String text) {
        return Value.newBuilder().setStringValue(text).build();
    }

    private static Value number(double number) {
        return Value.newBuilder().setNumberValue(number).build();
    }

    private static Value object(Map<String, String> texts) {
        var struct = Struct.newBuilder();
        texts.forEach((key, text) -> struct.putFields(key, string(text)));
        return Value.newBuilder().setStructValue(struct).build();
    }

    private static Value json(JsonElement element) {
        var value = Value.newBuilder();
        try {
            JsonFormat.parser().merge(element.toString(), value);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("every JSON is a Value", e);
        }
        return value.build();
    }
}
