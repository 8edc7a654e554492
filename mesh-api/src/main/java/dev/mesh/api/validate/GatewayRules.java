package dev.mesh.api.validate;

import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServerTls;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/// Gateway.
final class GatewayRules {
    private static final Set<String> PROTOCOLS =
            Set.of("HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS", "HBONE", "MYSQL", "REDIS");
    private static final Set<String> TLS_PROTOCOLS = Set.of("HTTPS", "TLS");

    private final Check check;

    GatewayRules(Check check) {
        this.check = check;
    }

    void check(Gateway spec) {
        if (spec.servers().isEmpty()) {
            check.error("spec.servers", "empty (expected: at least one)");
        }
        var names = new HashSet<String>();
        for (int i = 0; i < spec.servers().size(); i++) {
            var server = spec.servers().get(i);
            String path = "spec.servers[" + i + "]";
            check.port(path + ".port.number", server.port().number());
            String protocol = server.port().protocol().toUpperCase(Locale.ROOT);
            if (!PROTOCOLS.contains(protocol)) {
                check.error(
                        path + ".port.protocol",
                        "\"" + server.port().protocol() + "\" (expected: one of "
                                + PROTOCOLS.stream().sorted().toList() + ")");
            }
            if (server.port().name().isEmpty()) {
                check.error(path + ".port.name", "missing (expected: a name, unique in the object)");
            } else if (!names.add(server.port().name())) {
                check.error(path + ".port.name", "\"" + server.port().name() + "\" stands twice");
            }
            if (!server.bind().isEmpty() && !Check.isAddress(server.bind())) {
                check.error(path + ".bind", "\"" + server.bind() + "\" (expected: an IP address)");
            }
            hosts(path, server);
            tls(path, protocol, server);
        }
    }

    private void hosts(String path, Gateway.Server server) {
        if (server.hosts().isEmpty()) {
            check.error(path + ".hosts", "empty (expected: at least one)");
        }
        for (int i = 0; i < server.hosts().size(); i++) {
            String host = server.hosts().get(i);
            int slash = host.indexOf('/');
            String at = path + ".hosts[" + i + "]";
            if (slash >= 0 && !host.substring(0, slash).matches("[*.~]|[a-z0-9]([-a-z0-9]*[a-z0-9])?")) {
                check.error(at, "\"" + host + "\" (expected: host, or namespace/host with * or . for namespaces)");
            }
            check.host(at, host.substring(slash + 1), true);
        }
    }

    private void tls(String path, String protocol, Gateway.Server server) {
        ServerTls tls = server.tls();
        boolean wants = TLS_PROTOCOLS.contains(protocol);
        if (tls == null) {
            if (wants) {
                check.error(path + ".tls", "missing (expected: TLS settings for protocol " + protocol + ")");
            }
            return;
        }
        if (!wants) {
            if (!tls.httpsRedirect()
                    || !tls.serverCertificate().isEmpty()
                    || !tls.credentialName().isEmpty()) {
                check.error(
                        path + ".tls",
                        "with protocol " + protocol + " (expected: HTTPS or TLS, or httpsRedirect alone)");
            }
            return;
        }
        boolean named =
                !tls.credentialName().isEmpty() || !tls.credentialNames().isEmpty();
        boolean files = !tls.tlsCertificates().isEmpty()
                || (!tls.serverCertificate().isEmpty() && !tls.privateKey().isEmpty());
        switch (tls.mode()) {
            case SIMPLE, OPTIONAL_MUTUAL -> {
                if (!named && !files) {
                    check.error(
                            path + ".tls", tls.mode() + " without serverCertificate and privateKey, or credentialName");
                }
            }
            case MUTUAL -> {
                if (!named && (!files || tls.caCertificates().isEmpty())) {
                    check.error(
                            path + ".tls",
                            "MUTUAL without serverCertificate, privateKey and caCertificates, or credentialName");
                }
            }
            case PASSTHROUGH, AUTO_PASSTHROUGH, ISTIO_MUTUAL -> {
                if (named || files) {
                    check.error(path + ".tls", tls.mode() + " with certificates (expected: none)");
                }
            }
        }
    }
}
