package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.ConnectionPool;
import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.TrafficPolicy;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.CredentialName;
import dev.mesh.pilot.model.NamedCredentials;
import dev.mesh.pilot.model.ServiceInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What only shows when all objects stand together, and which of their fields are not honoured yet.
final class Remarks {
    private final PushContext push;
    private final List<Finding> findings = new ArrayList<>();

    private Remarks(PushContext push) {
        this.push = push;
    }

    static List<Finding> on(PushContext push, List<PushContext.Rule<DestinationRule>> destinationRules) {
        var remarks = new Remarks(push);
        push.virtualServices().forEach(remarks::virtualService);
        remarks.conflictingHosts();
        destinationRules.forEach(remarks::destinationRule);
        push.gateways().forEach(remarks::gateway);
        remarks.gatewayPorts();
        push.sidecars().forEach(remarks::sidecar);
        return remarks.findings;
    }

    static Finding remark(MeshObject object, Finding.Code code, String path, String message) {
        return new Finding(code, object.ref(), path, message, object.positions().of(path));
    }

    private void say(MeshObject object, Finding.Code code, String path, String message) {
        findings.add(remark(object, code, path, message));
    }

    private void notYet(MeshObject object, String path, @Nullable Object value) {
        boolean set = value != null
                && !(value instanceof Collection<?> many && many.isEmpty())
                && !(value instanceof Map<?, ?> map && map.isEmpty())
                && !value.equals("")
                && !value.equals(0)
                && !value.equals(false);
        if (set) {
            say(object, Finding.Code.NOT_HONOURED, path, "not honoured yet");
        }
    }

    // ---- VirtualService ----

    private void virtualService(PushContext.Rule<VirtualService> rule) {
        MeshObject object = rule.object();
        Destinations.byPath(rule.spec()).forEach((path, destination) -> destination(rule, destination, path));
        for (int i = 0; i < rule.spec().http().size(); i++) {
            var route = rule.spec().http().get(i);
            String path = "spec.http[" + i + "]";
            if (route.retries() != null) {
                notYet(
                        object,
                        path + ".retries.retryRemoteLocalities",
                        route.retries().retryRemoteLocalities());
            }
            if (route.fault() != null && route.fault().delay() != null) {
                if (route.fault().delay().time() instanceof VirtualService.DelayTime.Exponential) {
                    notYet(object, path + ".fault.delay.exponentialDelay", true);
                }
            }
            if (route.fault() != null && route.fault().abort() != null) {
                if (route.fault().abort().with() instanceof VirtualService.AbortWith.Http2Error) {
                    notYet(object, path + ".fault.abort.http2Error", true);
                }
            }
            for (int j = 0; j < route.match().size(); j++) {
                notYet(
                        object,
                        path + ".match[" + j + "].statPrefix",
                        route.match().get(j).statPrefix());
            }
        }
        unreachable(rule);
        for (int i = 0; i < rule.spec().tcp().size(); i++) {
            for (int j = 0; j < rule.spec().tcp().get(i).match().size(); j++) {
                notYet(
                        object,
                        "spec.tcp[" + i + "].match[" + j + "].sourceSubnet",
                        rule.spec().tcp().get(i).match().get(j).sourceSubnet());
            }
        }
        for (int i = 0; i < rule.spec().gateways().size(); i++) {
            String name = rule.spec().gateways().get(i);
            if (!name.equals("mesh")
                    && push.gateways().stream()
                            .noneMatch(gateway -> PushContextBuilder.isNamed(gateway, name, rule.namespace()))) {
                say(object, Finding.Code.GATEWAY_NOT_FOUND, "spec.gateways[" + i + "]", name + " is not known");
            }
        }
    }

    private void unreachable(PushContext.Rule<VirtualService> rule) {
        var http = rule.spec().http();
        for (int i = 0; i + 1 < http.size(); i++) {
            if (http.get(i).match().isEmpty()) {
                for (int j = i + 1; j < http.size(); j++) {
                    say(
                            rule.object(),
                            Finding.Code.UNREACHABLE_RULE,
                            "spec.http[" + j + "]",
                            "spec.http[" + i + "] before it matches everything");
                }
                return;
            }
        }
    }

    private void destination(PushContext.Rule<VirtualService> rule, Destination destination, String path) {
        String host = PushContext.qualify(destination.host(), rule.namespace());
        ServiceInfo service = push.services().get(host);
        if (service == null) {
            say(rule.object(), Finding.Code.HOST_NOT_FOUND, path + ".host", host + " is no service that is known");
            return;
        }
        if (destination.port() != null) {
            int number = destination.port().number();
            if (service.ports().stream().noneMatch(port -> port.number() == number)) {
                say(
                        rule.object(),
                        Finding.Code.HOST_NOT_FOUND,
                        path + ".port.number",
                        host + " has no port " + number + " (expected: one of "
                                + service.ports().stream()
                                        .map(ServiceInfo.PortInfo::number)
                                        .toList() + ")");
            }
        }
        if (!destination.subset().isEmpty() && !push.destinationRules().defines(host, destination.subset())) {
            say(
                    rule.object(),
                    Finding.Code.SUBSET_NOT_DEFINED,
                    path + ".subset",
                    destination.subset() + " is not defined by a DestinationRule for " + host);
        }
    }

    // On the mesh one virtual service is used for a host; on a gateway those of one host are merged.
    private void conflictingHosts() {
        var first = new HashMap<String, PushContext.Rule<VirtualService>>();
        for (var rule : push.virtualServices()) {
            boolean onMesh =
                    rule.spec().gateways().isEmpty() || rule.spec().gateways().contains("mesh");
            if (!onMesh) {
                continue;
            }
            for (int i = 0; i < rule.spec().hosts().size(); i++) {
                String host = PushContext.qualify(rule.spec().hosts().get(i), rule.namespace());
                var other = first.putIfAbsent(host, rule);
                if (other != null && other.object() != rule.object()) {
                    say(
                            rule.object(),
                            Finding.Code.CONFLICTING_HOST,
                            "spec.hosts[" + i + "]",
                            host + " has a rule on the mesh already: "
                                    + other.object().ref() + ", which is used");
                }
            }
        }
    }

    // ---- DestinationRule ----

    private void destinationRule(PushContext.Rule<DestinationRule> rule) {
        MeshObject object = rule.object();
        String host = PushContext.qualify(rule.spec().host(), rule.namespace());
        if (!host.startsWith("*") && !push.services().containsKey(host)) {
            say(object, Finding.Code.HOST_NOT_FOUND, "spec.host", host + " is no service that is known");
        }
        policy(rule, "spec.trafficPolicy", rule.spec().trafficPolicy());
        for (int i = 0; i < rule.spec().subsets().size(); i++) {
            policy(
                    rule,
                    "spec.subsets[" + i + "].trafficPolicy",
                    rule.spec().subsets().get(i).trafficPolicy());
        }
    }

    private void policy(PushContext.Rule<DestinationRule> rule, String path, @Nullable TrafficPolicy policy) {
        if (policy == null) {
            return;
        }
        MeshObject object = rule.object();
        tls(rule, path + ".tls", policy.tls());
        balancer(object, path + ".loadBalancer", policy.loadBalancer());
        pool(object, path + ".connectionPool", policy.connectionPool());
        notYet(object, path + ".tunnel", policy.tunnel());
        notYet(object, path + ".proxyProtocol", policy.proxyProtocol());
        notYet(object, path + ".retryBudget", policy.retryBudget());
        for (int i = 0; i < policy.portLevelSettings().size(); i++) {
            var port = policy.portLevelSettings().get(i);
            String at = path + ".portLevelSettings[" + i + "]";
            tls(rule, at + ".tls", port.tls());
            balancer(object, at + ".loadBalancer", port.loadBalancer());
            pool(object, at + ".connectionPool", port.connectionPool());
        }
    }

    private void pool(MeshObject object, String path, @Nullable ConnectionPool pool) {
        if (pool != null && pool.tcp() != null) {
            notYet(object, path + ".tcp.idleTimeout", pool.tcp().idleTimeout());
        }
    }

    private void tls(PushContext.Rule<DestinationRule> rule, String path, @Nullable ClientTls tls) {
        MeshObject object = rule.object();
        if (tls != null && !tls.credentialName().isEmpty() && !ClientTlsSupport.refuses(tls, true)) {
            if (rule.spec().workloadSelector() == null) {
                say(
                        object,
                        Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                        path + ".credentialName",
                        "is for gateways alone: sidecars are given a Secret only by a rule with a workloadSelector, and"
                                + " send nothing here");
            }
            if (tls.mode() == ClientTls.Mode.MUTUAL) {
                secret(object, path + ".credentialName", tls.credentialName(), "the client's pod");
            }
            if (!Boolean.TRUE.equals(tls.insecureSkipVerify())) {
                trusted(
                        object,
                        path + ".credentialName",
                        CredentialName.of(tls.credentialName()).authorities(),
                        "the client's pod");
            }
        } else if (ClientTlsSupport.refuses(tls, true)) {
            say(
                    object,
                    Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                    path,
                    "not honoured yet: the clusters get no endpoints, so that nothing goes in plaintext");
        }
    }

    private void balancer(MeshObject object, String path, @Nullable LoadBalancer balancer) {
        if (balancer == null) {
            return;
        }
        notYet(object, path + ".localityLbSetting", balancer.localityLbSetting());
        notYet(object, path + ".zoneAwareLbSetting", balancer.zoneAwareLbSetting());
        boolean inTurn = balancer.policy() == null
                || balancer.policy() instanceof LoadBalancer.Policy.Simple(LoadBalancer.SimpleKind kind)
                        && kind != LoadBalancer.SimpleKind.RANDOM;
        if (!inTurn && balancer.warming() != null) {
            say(
                    object,
                    Finding.Code.NOT_HONOURED,
                    path + (balancer.warmup() != null ? ".warmup" : ".warmupDurationSecs"),
                    "has no effect here (expected: with ROUND_ROBIN or LEAST_REQUEST)");
        }
        if (balancer.policy() instanceof LoadBalancer.Policy.Utilization) {
            notYet(object, path + ".backendUtilization", true);
        }
        if (balancer.policy() instanceof LoadBalancer.Policy.Simple(LoadBalancer.SimpleKind kind)
                && kind == LoadBalancer.SimpleKind.PASSTHROUGH) {
            say(object, Finding.Code.NOT_HONOURED, path + ".simple", "PASSTHROUGH is not honoured yet");
        }
        if (balancer.policy() instanceof LoadBalancer.Policy.Hash(LoadBalancer.ConsistentHash hash)
                && hash.key() instanceof LoadBalancer.HashKey.Cookie(LoadBalancer.HttpCookie cookie)) {
            notYet(object, path + ".consistentHash.httpCookie.attributes", cookie.attributes());
        }
    }

    // ---- Gateway ----

    private void gateway(PushContext.Rule<Gateway> rule) {
        for (int i = 0; i < rule.spec().servers().size(); i++) {
            var server = rule.spec().servers().get(i);
            String path = "spec.servers[" + i + "]";
            notYet(rule.object(), path + ".defaultEndpoint", server.defaultEndpoint());
            ServerTls tls = server.tls();
            if (tls == null) {
                continue;
            }
            String why = ServerTlsSupport.refusal(tls);
            if (!why.isEmpty()) {
                say(
                        rule.object(),
                        Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                        path + ".tls",
                        why + ": the server does not listen");
            }
            if (tls.mode() != ServerTls.Mode.PASSTHROUGH && why.isEmpty()) {
                credentials(rule.object(), path + ".tls", tls);
            }
        }
    }

    private void credentials(MeshObject object, String path, ServerTls tls) {
        List<String> written = NamedCredentials.certificates(tls);
        for (int i = 0; i < written.size(); i++) {
            String at = tls.credentialNames().isEmpty() ? ".credentialName" : ".credentialNames[" + i + "]";
            secret(object, path + at, written.get(i), "the gateway's pods");
        }
        CredentialName authorities = NamedCredentials.authorities(tls);
        if (authorities != null) {
            trusted(
                    object,
                    path + (tls.caCertCredentialName().isEmpty() ? "" : ".caCertCredentialName"),
                    authorities,
                    "the gateway's pods");
        }
    }

    private void trusted(MeshObject object, String path, CredentialName name, String whose) {
        if (!push.credentials().hasAny(name) && !push.credentials().hasAny(CredentialName.of(name.plainName()))) {
            say(
                    object,
                    Finding.Code.SECRET_NOT_FOUND,
                    path,
                    "no Secret " + name.name() + " or " + name.plainName()
                            + " with ca.crt or cacert is known (expected: one in the namespace of " + whose
                            + "); until it is there, nothing goes through");
        }
    }

    private void secret(MeshObject object, String path, String written, String whose) {
        CredentialName name = CredentialName.of(written);
        if (!push.credentials().hasAny(name)) {
            say(
                    object,
                    Finding.Code.SECRET_NOT_FOUND,
                    path,
                    "no Secret " + written
                            + " with tls.crt and tls.key, or cert and key, is known (expected: one in the"
                            + " namespace of " + whose + "); until it is there, nothing goes through");
        }
    }

    // Servers of one port must agree on whether they speak HTTP, TLS or TCP, and share no server name.
    private void gatewayPorts() {
        var first = new TreeMap<String, GatewayPort>();
        var names = new HashMap<String, TlsHosts>();
        for (var rule : push.gateways()) {
            for (int i = 0; i < rule.spec().servers().size(); i++) {
                var server = rule.spec().servers().get(i);
                String key = new TreeMap<>(rule.spec().selector()) + " " + server.bind() + ":"
                        + server.port().number();
                var own = new GatewayPort(rule, GatewayKind.of(server));
                var other = first.putIfAbsent(key, own);
                if (other != null && other.kind() != own.kind()) {
                    say(
                            rule.object(),
                            Finding.Code.PORT_CONFLICT,
                            "spec.servers[" + i + "].port",
                            "port " + server.port().number() + " is " + other.kind() + " already in "
                                    + other.rule().object().ref() + ", which is used");
                    continue;
                }
                ServerTls tls = server.tls();
                if (own.kind() == GatewayKind.TLS
                        && tls != null
                        && tls.mode() != ServerTls.Mode.PASSTHROUGH
                        && ServerTlsSupport.refusal(tls).isEmpty()) {
                    Finding conflict =
                            names.computeIfAbsent(key, any -> new TlsHosts()).claim(rule, i);
                    if (conflict != null) {
                        findings.add(conflict);
                    }
                }
            }
        }
    }

    private record GatewayPort(PushContext.Rule<Gateway> rule, GatewayKind kind) {}

    // ---- ServiceEntry, Sidecar ----

    private void sidecar(PushContext.Rule<Sidecar> rule) {
        MeshObject object = rule.object();
        notYet(object, "spec.inboundConnectionPool", rule.spec().inboundConnectionPool());
        if (rule.spec().outboundTrafficPolicy() != null) {
            notYet(
                    object,
                    "spec.outboundTrafficPolicy.egressProxy",
                    rule.spec().outboundTrafficPolicy().egressProxy());
        }
        for (int i = 0; i < rule.spec().ingress().size(); i++) {
            var ingress = rule.spec().ingress().get(i);
            if (ingress.tls() != null) {
                say(
                        object,
                        Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                        "spec.ingress[" + i + "].tls",
                        "not honoured yet: the listener is left out");
            }
            notYet(object, "spec.ingress[" + i + "].connectionPool", ingress.connectionPool());
        }
        for (int i = 0; i < rule.spec().egress().size(); i++) {
            notYet(
                    object,
                    "spec.egress[" + i + "].bind",
                    rule.spec().egress().get(i).bind());
        }
    }

    static void serviceEntry(MeshObject object, ServiceEntry spec, List<Finding> findings) {
        if (spec.resolution() == ServiceEntry.Resolution.DNS_ROUND_ROBIN) {
            findings.add(remark(
                    object,
                    Finding.Code.NOT_HONOURED,
                    "spec.resolution",
                    "DNS_ROUND_ROBIN is honoured as DNS: every address is used"));
        }
        boolean wildcard = spec.hosts().stream().anyMatch(host -> host.startsWith("*"));
        if (wildcard && spec.resolution() != ServiceEntry.Resolution.STATIC) {
            findings.add(remark(
                    object,
                    Finding.Code.NOT_HONOURED,
                    "spec.hosts",
                    "a wildcard needs intercepted traffic, or endpoints with resolution STATIC"));
        }
    }
}
