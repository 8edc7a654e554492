package dev.mesh.api.decide.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.api.decide.compile.ConfigSnapshot;
import dev.mesh.api.decide.compile.Explainer;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Decisions told from an Envoy bootstrap.
class ExplainTest {
    private static final String BOOTSTRAP = """
            static_resources:
              listeners:
              - name: web
                address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
                filter_chains:
                - filters:
                  - name: http
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: web
                      normalize_path: true
                      route_config:
                        name: routes
                        virtual_hosts:
                        - name: shop
                          domains: [shop.example]
                          routes:
                          - {name: jason, match: {prefix: /, headers: [{name: x-user, string_match: {exact: jason}}]}, route: {cluster: v2, prefix_rewrite: /new/}}
                          - {name: gone, match: {path: /gone}, redirect: {path_redirect: /here, response_code: FOUND}}
                          - {name: pot, match: {path: /pot}, direct_response: {status: 418}}
                          - {name: lost, match: {prefix: /lost}, route: {cluster: nowhere}}
                          - {name: split, match: {prefix: /split}, route: {weighted_clusters: {clusters: [{name: v1, weight: 3}, {name: v2, weight: 1}]}}}
                          - {name: sticky, match: {prefix: /sticky}, route: {cluster: ring, hash_policy: [{header: {header_name: x-user}}]}}
              - name: raw
                address: {socket_address: {address: 127.0.0.1, port_value: 7000}}
                filter_chains:
                - metadata: {filter_metadata: {dev.mesh: {group: "", kind: Service, namespace: shop, name: raw, rule: ""}}}
                  filters:
                  - name: tcp
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: raw, cluster: v1}
              clusters:
              - {name: v1, load_assignment: {cluster_name: v1, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}}, load_balancing_weight: 3}, {endpoint: {address: {socket_address: {address: 10.0.0.2, port_value: 80}}}}]}]}}
              - {name: v2, load_assignment: {cluster_name: v2, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.3, port_value: 80}}}}]}]}}
              - {name: ring, lb_policy: RING_HASH, load_assignment: {cluster_name: ring, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.4, port_value: 80}}}}, {endpoint: {address: {socket_address: {address: 10.0.0.5, port_value: 80}}}}]}]}}
            """;

    /// Two listeners of one port: an application that has asked for the name connects to the address it was told.
    @Test
    void aNameThatTheProxyAnswersLeadsToTheListenerOfItsAddress() {
        String two = """
                static_resources:
                  listeners:
                  - name: one
                    address: {socket_address: {address: 240.240.0.1, port_value: 9000}}
                    filter_chains: [{filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: one, cluster: one}}]}]
                  - name: two
                    address: {socket_address: {address: 240.240.0.2, port_value: 9000}}
                    filter_chains: [{filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: two, cluster: two}}]}]
                """;
        var explanation = Explainer.explain(
                ConfigSnapshot.parse("bootstrap.yaml", two),
                HostHealth.UNKNOWN,
                RequestDescription.of("GET", "tcp://two.db.internal:9000", "", List.of(), "", false, ""),
                List.of("240.240.0.2"));

        assertThat(explanation.steps().getFirst())
                .isEqualTo(
                        new Explanation.Step("name", true, "two.db.internal", "the proxy answers 240.240.0.2", null));
        assertThat(explanation.steps())
                .anySatisfy(step -> assertThat(step.taken() ? step.stage() + " " + step.name() : "")
                        .isEqualTo("listener two"));
    }

    private static Explanation explain(String url, String... headers) {
        return explain(HostHealth.UNKNOWN, url, headers);
    }

    private static Explanation explain(HostHealth health, String url, String... headers) {
        return Explainer.explain(
                ConfigSnapshot.parse("bootstrap.yaml", BOOTSTRAP),
                health,
                RequestDescription.of("GET", url, "", List.of(headers), "", false, ""));
    }

    private static Explanation.Outcome outcome(Explanation explanation) {
        var outcome = explanation.outcome();
        assertThat(outcome).as(explanation.verdict()).isNotNull();
        return java.util.Objects.requireNonNull(outcome);
    }

    private static final String IN_A_POD = """
            static_resources:
              listeners:
              - name: virtualOutbound
                traffic_direction: OUTBOUND
                address: {socket_address: {address: 0.0.0.0, port_value: 15001}}
                use_original_dst: true
                filter_chains:
                - filter_chain_match: {destination_port: 15001}
                  filters:
                  - {name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: b, cluster: BlackHoleCluster}}
                - filters:
                  - {name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: p, cluster: PassthroughCluster}}
              - name: virtualInbound
                traffic_direction: INBOUND
                address: {socket_address: {address: 0.0.0.0, port_value: 15006}}
                listener_filters:
                - {name: envoy.filters.listener.original_dst, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}
                filter_chains:
                - filter_chain_match: {destination_port: 3306}
                  filters:
                  - {name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: i, cluster: "inbound|3306||"}}
                default_filter_chain:
                  filters:
                  - {name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: i, cluster: InboundPassthroughCluster}}
              - name: 10.0.0.1_443
                traffic_direction: OUTBOUND
                address: {socket_address: {address: 10.0.0.1, port_value: 443}}
                additional_addresses: [{address: {socket_address: {address: "fd00::1", port_value: 443}}}]
                filter_chains:
                - filters:
                  - {name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: o, cluster: "outbound|443||db.shop.svc.cluster.local"}}
              clusters:
              - {name: PassthroughCluster, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, load_assignment: {cluster_name: PassthroughCluster}}
            """;

    private static Explanation inAPod(String url, boolean inbound) {
        return Explainer.explain(
                ConfigSnapshot.parse("pod.yaml", IN_A_POD),
                HostHealth.UNKNOWN,
                RequestDescription.of("GET", url, "", List.of(), "", inbound, ""));
    }

    @Test
    void whatNoListenerIsForIsCaptured() {
        var explanation = inAPod("tcp://192.0.2.7:9999", false);

        assertThat(outcome(explanation).action())
                .isEqualTo("pass bytes to PassthroughCluster, where the caller was going");
        assertThat(explanation.steps())
                .extracting(step -> step.name() + ": " + step.reason())
                .contains("virtualOutbound: captures what goes out, and no other listener is at 192.0.2.7:9999");
        assertThat(outcome(inAPod("tcp://192.0.2.7:15001", false)).action()).contains("BlackHoleCluster");
    }

    @Test
    void whatComesInIsCapturedAndGoesByItsPort() {
        assertThat(outcome(inAPod("tcp://10.0.0.9:3306", true)).action()).contains("inbound|3306||");
        assertThat(outcome(inAPod("tcp://10.0.0.9:3307", true)).action()).contains("InboundPassthroughCluster");
    }

    @Test
    void aListenerAtAnAddressIsForItsHostAlone() {
        assertThat(outcome(inAPod("https://db.shop/", false)).listener()).isEqualTo("10.0.0.1_443");
        assertThat(outcome(inAPod("https://10.0.0.1/", false)).listener()).isEqualTo("10.0.0.1_443");
        assertThat(outcome(inAPod("https://[fd00:0::1]/", false)).listener()).isEqualTo("10.0.0.1_443");
        assertThat(outcome(inAPod("https://db.other/", false)).listener()).isEqualTo("virtualOutbound");
    }

    @Test
    void tellsTheRuleAndWhyTheOthersWerePassedOver() {
        var explanation = explain("http://127.0.0.1:8080/pot", "host: shop.example");

        assertThat(outcome(explanation).route()).isEqualTo("pot");
        assertThat(outcome(explanation).action()).isEqualTo("answer 418 at once");
        assertThat(explanation.steps().stream()
                        .filter(step -> step.stage().equals("route"))
                        .map(step -> step.taken() + " " + step.name() + ": " + step.reason()))
                .containsExactly(
                        "false jason: header x-user is absent (expected: header x-user exact \"jason\")",
                        "false gone: path /pot (expected: path /gone)",
                        "true pot: path /pot matches");
    }

    @Test
    void tellsWhereARewrittenRequestGoes() {
        var outcome = outcome(explain("http://127.0.0.1:8080/a/../b", "host: shop.example", "X-User: jason"));

        assertThat(outcome.route()).isEqualTo("jason");
        assertThat(outcome.details()).contains("path normalised to /b", "path becomes /new/b");
        assertThat(outcome.clusters())
                .singleElement()
                .satisfies(cluster -> assertThat(cluster.cluster()).isEqualTo("v2"));
    }

    @Test
    void tellsTheSharesOfClustersAndEndpoints() {
        var clusters = outcome(explain("http://127.0.0.1:8080/split", "host: shop.example"))
                .clusters();

        assertThat(clusters).extracting(Explanation.ClusterShare::share).containsExactly(0.75, 0.25);
        assertThat(clusters.getFirst().endpoints())
                .extracting(Explanation.EndpointShare::share)
                .containsExactly(0.75, 0.25);
    }

    @Test
    void countsAnEjectedEndpointOut() {
        HostHealth health = (cluster, address) -> address.equals("10.0.0.1:80") ? "ejected" : "healthy";
        var clusters = outcome(explain(health, "http://127.0.0.1:8080/split", "host: shop.example"))
                .clusters();

        assertThat(clusters.getFirst().endpoints())
                .extracting(Explanation.EndpointShare::share)
                .containsExactly(0.0, 1.0);
    }

    @Test
    void tellsThePickOfAHash() {
        var endpoints = outcome(explain("http://127.0.0.1:8080/sticky", "host: shop.example", "x-user: ann"))
                .clusters()
                .getFirst()
                .endpoints();

        assertThat(endpoints).extracting(Explanation.EndpointShare::share).containsExactlyInAnyOrder(0.0, 1.0);
    }

    @Test
    void tellsRedirectsAndMissingClusters() {
        assertThat(outcome(explain("http://127.0.0.1:8080/gone", "host: shop.example"))
                        .action())
                .isEqualTo("redirect 302 to http://shop.example/here");
        assertThat(outcome(explain("http://127.0.0.1:8080/lost", "host: shop.example"))
                        .action())
                .contains("nowhere, which is not there: 503 (NC)");
    }

    @Test
    void tellsWhatNothingTakes() {
        assertThat(explain("http://127.0.0.1:8080/", "host: other.example").verdict())
                .isEqualTo("no virtual host of routes is for other.example: 404 (NR)");
        assertThat(explain("http://127.0.0.1:8080/none", "host: shop.example").verdict())
                .isEqualTo("no route of virtual host shop matches: 404 (NR)");
        assertThat(explain("http://127.0.0.1:9999/").verdict()).startsWith("no listener takes it");
    }

    @Test
    void tellsTcp() {
        assertThat(outcome(explain("tcp://127.0.0.1:7000")).action()).isEqualTo("pass bytes to v1");
        assertThat(explain("tcp://127.0.0.1:7000").verdict()).isEqualTo("pass bytes to v1, by Service shop/raw");
    }

    @Test
    void refusesWhatIsNoRequestAndNoConfiguration() {
        assertThatThrownBy(() -> explain("ftp://x/")).hasMessageContaining("scheme ftp (expected: http, https or tcp)");
        assertThatThrownBy(() -> explain("http://x/", "no colon")).hasMessageContaining("(expected: \"name: value\")");
        assertThatThrownBy(() -> ConfigSnapshot.parse("x.json", "{}")).hasMessageContaining("x.json: neither");
        assertThatThrownBy(() -> ConfigSnapshot.parse("x.json", "{")).hasMessageContaining("x.json: neither JSON");
        assertThatThrownBy(() -> ConfigSnapshot.parse("x.yaml", "- a")).hasMessageContaining("x.yaml: no object");
    }

    @Test
    void leavesOutWhatAnotherProxyHasAndSaysSo() {
        var snapshot = ConfigSnapshot.parse("dump.json", """
                {"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": [
                  {"name": "odd", "active_state": {"listener": {"name": "odd", "listener_filters": [{"name": "x", "typed_config": {"@type": "type.googleapis.com/some.Unknown"}}]}}}]}]}
                """);

        assertThat(snapshot.notes()).singleElement().asString().contains("Listener odd: not understood");
    }
}
