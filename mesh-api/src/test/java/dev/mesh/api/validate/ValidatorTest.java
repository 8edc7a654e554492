package dev.mesh.api.validate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.read.ObjectReader;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Objects that are wrong, and what is said of them. Each has its place in the file.
class ValidatorTest {
    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http: []
                        """, List.of("spec: no rules (expected: http, tls or tcp)")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: ['*']
                          http:
                          - route: [{destination: {host: web}}]
                        """, List.of("spec.hosts[0]: \"*\" (expected: names")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: ['a b', web, web]
                          http:
                          - route: [{destination: {host: web}}]
                        """,
                        List.of("spec.hosts[0]: \"a b\" (expected: a DNS name", "spec.hosts[2]: \"web\" stands twice")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {}
                        """, List.of("spec.http[0]: nothing to do (expected: exactly one of")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {redirect: {uri: /a, redirectCode: 200}, route: [{destination: {host: web}}]}
                        """,
                        List.of(
                                "spec.http[0]: 2 of route, redirect",
                                "spec.http[0].redirect.redirectCode: 200 (expected: 301")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {route: [{destination: {host: web}, weight: -1}, {destination: {host: web}}]}
                        """, List.of("spec.http[0].route[0].weight: -1 (expected: 0 or more)")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {route: [{destination: {host: web}}, {destination: {host: web}}]}
                        """, List.of("spec.http[0].route: all weights are 0")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {match: [{uri: {regex: '('}}], route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].match[0].uri.regex: \"(\" (expected: an RE2 expression")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {match: [{headers: {'a b': {exact: x}}}], route: [{destination: {host: web}}]}
                        """,
                        List.of("spec.http[0].match[0].headers[\"a b\"]: \"a b\" (expected: the name of a header")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {timeout: 1us, route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].timeout:")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {retries: {attempts: -1}, route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].retries.attempts: -1 (expected: 0 or more)")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {retries: {attempts: 1, retryOn: 'sometimes,5xx,503'}, route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].retries.retryOn: \"sometimes\" (expected: a status code")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {fault: {abort: {httpStatus: 700, percentage: {value: 101}}}, route: [{destination: {host: web}}]}
                        """,
                        List.of(
                                "spec.http[0].fault.abort.percentage.value: 101.0 (expected: 0-100)",
                                "spec.http[0].fault.abort.httpStatus: 700 (expected: 200-599)")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {fault: {delay: {percentage: {value: 1}}}, route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].fault.delay: no fixedDelay")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {directResponse: {status: 99, body: {bytes: '***'}}}
                        """,
                        List.of(
                                "spec.http[0].directResponse.status: 99 (expected: 200-599)",
                                "spec.http[0].directResponse.body.bytes: no Base64")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {headers: {request: {set: {x-a: "a\\nb"}}}, route: [{destination: {host: web}}]}
                        """, List.of("spec.http[0].headers.request.set[\"x-a\"]: has a line break")),
                Arguments.of(
                        """
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          http:
                          - {mirror: {host: web}, mirrors: [{destination: {host: web}}], route: [{destination: {host: web, port: {number: 70000}}}]}
                        """,
                        List.of(
                                "spec.http[0].route[0].destination.port.number: 70000 (expected: 1-65535)",
                                "spec.http[0].mirrors: beside mirror")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          tls:
                          - match: [{sniHosts: []}]
                            route: []
                        """, List.of("spec.tls[0].match[0].sniHosts", "spec.tls[0].route: empty")),
                Arguments.of("""
                        kind: VirtualService
                        spec:
                          hosts: [web]
                          tcp:
                          - match: [{destinationSubnets: [10.0.0.0/99]}]
                            route: [{destination: {host: web}}]
                        """, List.of("spec.tcp[0].match[0].destinationSubnets[0]: \"10.0.0.0/99\"")),
                Arguments.of("""
                        kind: DestinationRule
                        spec:
                          host: web
                          subsets: [{name: a}, {name: a}]
                        """, List.of("spec.subsets[1].name: \"a\" stands twice")),
                Arguments.of(
                        """
                        kind: DestinationRule
                        spec:
                          host: web
                          trafficPolicy: {loadBalancer: {consistentHash: {maglev: {tableSize: 100}}}}
                        """,
                        List.of(
                                "spec.trafficPolicy.loadBalancer.consistentHash: nothing to hash",
                                "maglev.tableSize: 100 (expected: a prime number")),
                Arguments.of(
                        """
                        kind: DestinationRule
                        spec:
                          host: web
                          trafficPolicy: {connectionPool: {tcp: {maxConnections: -1, connectTimeout: 0s}}}
                        """,
                        List.of(
                                "spec.trafficPolicy.connectionPool.tcp.maxConnections: -1 (expected: 0 or more)",
                                "connectTimeout: 0s (expected: 1ms or more)")),
                Arguments.of(
                        """
                        kind: DestinationRule
                        spec:
                          host: web
                          trafficPolicy: {outlierDetection: {maxEjectionPercent: 101, interval: 0s}}
                        """,
                        List.of(
                                "spec.trafficPolicy.outlierDetection.interval",
                                "spec.trafficPolicy.outlierDetection.maxEjectionPercent: 101.0 (expected: 0-100)")),
                Arguments.of("""
                        kind: DestinationRule
                        spec:
                          host: web
                          trafficPolicy: {tls: {mode: MUTUAL}}
                        """, List.of("spec.trafficPolicy.tls: MUTUAL without clientCertificate")),
                Arguments.of("""
                        kind: DestinationRule
                        spec:
                          host: web
                          trafficPolicy: {portLevelSettings: [{loadBalancer: {simple: RANDOM}}]}
                        """, List.of("spec.trafficPolicy.portLevelSettings[0].port: missing")),
                Arguments.of(
                        """
                        kind: Gateway
                        spec:
                          selector: {a: b}
                          servers:
                          - {port: {number: 0, name: http, protocol: HTPP}, hosts: [a/b/c]}
                        """,
                        List.of(
                                "spec.servers[0].port.number: 0 (expected: 1-65535)",
                                "spec.servers[0].port.protocol: \"HTPP\" (expected: one of",
                                "spec.servers[0].hosts[0]: \"b/c\"")),
                Arguments.of("""
                        kind: Gateway
                        spec:
                          selector: {a: b}
                          servers:
                          - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*']}
                        """, List.of("spec.servers[0].tls: missing")),
                Arguments.of("""
                        kind: Gateway
                        spec:
                          selector: {a: b}
                          servers:
                          - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE}}
                        """, List.of("spec.servers[0].tls: SIMPLE without serverCertificate")),
                Arguments.of("""
                        kind: Gateway
                        spec:
                          selector: {a: b}
                          servers:
                          - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {mode: SIMPLE}}
                        """, List.of("spec.servers[0].tls: with protocol HTTP")),
                Arguments.of(
                        """
                        kind: ServiceEntry
                        spec:
                          hosts: ['*']
                          ports: [{number: 80, name: http}, {number: 80, name: http}]
                        """,
                        List.of(
                                "spec.hosts[0]: \"*\"",
                                "spec.ports[1].number: 80 stands twice",
                                "spec.ports[1].name: \"http\" stands twice")),
                Arguments.of("""
                        kind: ServiceEntry
                        spec:
                          hosts: [a.b]
                          resolution: STATIC
                          endpoints: [{address: not-an-ip}]
                        """, List.of("spec.endpoints[0].address: \"not-an-ip\" (expected: an IP address)")),
                Arguments.of("""
                        kind: ServiceEntry
                        spec:
                          hosts: ['*.b']
                          resolution: DNS
                        """, List.of("spec.hosts[0]: \"*.b\" cannot be resolved")),
                Arguments.of("""
                        kind: ServiceEntry
                        spec:
                          hosts: [a.b]
                          resolution: NONE
                          endpoints: [{address: 1.2.3.4}]
                        """, List.of("spec.endpoints: with resolution NONE")),
                Arguments.of(
                        """
                        kind: WorkloadEntry
                        spec: {address: 1.2.3.999, ports: {http: 99999}, weight: -1}
                        """,
                        List.of(
                                "spec.address: \"1.2.3.999\"",
                                "spec.ports[\"http\"]: 99999 (expected: 1-65535)",
                                "spec.weight: -1 (expected: 0 or more)")),
                Arguments.of(
                        """
                        kind: Sidecar
                        spec:
                          egress: [{hosts: [web]}]
                          ingress: [{port: {number: 1, name: x, protocol: HTTP}, defaultEndpoint: 'localhost'}]
                        """,
                        List.of(
                                "spec.ingress[0].defaultEndpoint: \"localhost\"",
                                "spec.egress[0].hosts[0]: \"web\" (expected: namespace/host")),
                Arguments.of("""
                        kind: Sidecar
                        spec:
                          ingress: [{port: {number: 1, name: x, protocol: HTTP}, bind: 'unix:///tmp/x'}]
                        """, List.of("spec.ingress[0].bind: \"unix:///tmp/x\" (expected: an IP address)")));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void saysWhatIsWrongAndWhereAndWhatWasExpected(String text, List<String> expected) {
        var result = ObjectReader.read(
                "x.yaml", "apiVersion: networking.istio.io/v1\nmetadata: {name: x, namespace: shop}\n" + text);

        assertThat(result.objects()).as("an object with an error is not used").isEmpty();
        var lines = result.findings().stream()
                .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                .map(finding -> finding.path() + ": " + finding.message())
                .toList();
        for (String line : expected) {
            assertThat(lines).anySatisfy(found -> assertThat(found).contains(line));
        }
        assertThat(result.findings())
                .allSatisfy(finding ->
                        assertThat(finding.position()).as(finding.toString()).isNotNull());
    }
}
