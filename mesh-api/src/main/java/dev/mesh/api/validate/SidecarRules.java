package dev.mesh.api.validate;

import dev.mesh.api.networking.Sidecar;
import java.util.HashSet;

/// Sidecar.
final class SidecarRules {
    private final Check check;

    SidecarRules(Check check) {
        this.check = check;
    }

    void check(Sidecar spec) {
        if (spec.egress().isEmpty()
                && spec.ingress().isEmpty()
                && spec.outboundTrafficPolicy() == null
                && spec.inboundConnectionPool() == null) {
            check.error("spec", "nothing in it (expected: egress, ingress or outboundTrafficPolicy)");
        }
        var ports = new HashSet<Integer>();
        for (int i = 0; i < spec.ingress().size(); i++) {
            var ingress = spec.ingress().get(i);
            String path = "spec.ingress[" + i + "]";
            check.port(path + ".port.number", ingress.port().number());
            if (!ports.add(ingress.port().number())) {
                check.error(path + ".port.number", ingress.port().number() + " stands twice");
            }
            // Istio allows Unix domain sockets for egress listeners only.
            if (!ingress.bind().isEmpty() && !Check.isAddress(ingress.bind())) {
                check.error(path + ".bind", "\"" + ingress.bind() + "\" (expected: an IP address)");
            }
            endpoint(path + ".defaultEndpoint", ingress.defaultEndpoint());
        }
        for (int i = 0; i < spec.egress().size(); i++) {
            var egress = spec.egress().get(i);
            String path = "spec.egress[" + i + "]";
            if (egress.port() != null) {
                check.port(path + ".port.number", egress.port().number());
            }
            if (egress.hosts().isEmpty()) {
                check.error(path + ".hosts", "empty (expected: at least one namespace/host)");
            }
            for (int j = 0; j < egress.hosts().size(); j++) {
                String host = egress.hosts().get(j);
                int slash = host.indexOf('/');
                String at = path + ".hosts[" + j + "]";
                if (slash < 1 || !host.substring(0, slash).matches("[*.~]|[a-z0-9]([-a-z0-9]*[a-z0-9])?")) {
                    check.error(at, "\"" + host + "\" (expected: namespace/host, with * . or ~ for the namespace)");
                } else {
                    check.host(at, host.substring(slash + 1), true);
                }
            }
        }
    }

    private void endpoint(String path, String endpoint) {
        if (endpoint.isEmpty() || endpoint.startsWith("unix:///")) {
            return;
        }
        int colon = endpoint.lastIndexOf(':');
        String port = endpoint.substring(colon + 1);
        String host = colon < 0 ? "" : endpoint.substring(0, colon);
        boolean fine = port.matches("[0-9]{1,5}")
                && Integer.parseInt(port) >= 1
                && Integer.parseInt(port) <= 65535
                && (host.equals("127.0.0.1") || host.equals("0.0.0.0") || host.equals("[::1]") || host.equals("[::]"));
        if (!fine) {
            check.error(path, "\"" + endpoint + "\" (expected: 127.0.0.1:PORT, 0.0.0.0:PORT or unix:///path)");
        }
    }
}
