package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.proxy.intercept.InterceptCommand;
import dev.mesh.proxy.intercept.Said;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Traffic that the kernel brings to the proxy: in network namespaces of their own, where that is allowed. The proxy
/// is root there, and what is captured is another user's.
@Timeout(120)
class CapturedTrafficTest {
    @ParameterizedTest
    @ValueSource(strings = {"REDIRECT", "TPROXY"})
    void goesWhereItWasGoing(String mode) throws Exception {
        assumeTrue(
                Said.run("unshare", "-n", "iptables-nft", "-t", "nat", "-L").code() == 0
                        && Said.run("setpriv", "--reuid=1000", "true").code() == 0,
                "needs root, iptables, iproute2 and util-linux");
        Said said = Said.run(
                "unshare",
                "-n",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Inside.class.getName(),
                mode);
        assertThat(said.text()).contains("all as it should be\n");
        assertThat(said.code()).isZero();
    }

    /// Runs in the namespace of the pod.
    static final class Inside {
        private static final String TCP = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
        private static final String CONFIG = """
                static_resources:
                  listeners:
                  - name: virtualOutbound
                    address: {socket_address: {address: 0.0.0.0, port_value: 15001}}
                    use_original_dst: true
                    filter_chains:
                    - filter_chain_match: {destination_port: 15001}
                      filters: [{name: t, typed_config: {"@type": $TCP, stat_prefix: b, cluster: nowhere}}]
                    - filters: [{name: t, typed_config: {"@type": $TCP, stat_prefix: p, cluster: there}}]
                  - name: 0.0.0.0_80
                    bind_to_port: false
                    address: {socket_address: {address: 0.0.0.0, port_value: 80}}
                    listener_filters_timeout: 0.5s
                    continue_on_listener_filters_timeout: true
                    listener_filters:
                    - name: h
                      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}
                    filter_chains:
                    - filter_chain_match: {transport_protocol: raw_buffer, application_protocols: [http/1.1]}
                      filters:
                      - name: h
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                          stat_prefix: o
                          route_config:
                            virtual_hosts:
                            - name: known
                              domains: [known]
                              routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: handed over}}}]
                            - {name: any, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: there}}]}
                          http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
                    default_filter_chain:
                      filters: [{name: t, typed_config: {"@type": $TCP, stat_prefix: p, cluster: there}}]
                  - name: virtualInbound
                    transparent: $TRANSPARENT
                    address: {socket_address: {address: 0.0.0.0, port_value: 15006}}
                    listener_filters:
                    - name: o
                      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}
                    $ORIGINAL_SRC
                    filter_chains:
                    - filter_chain_match: {destination_port: 15006}
                      filters: [{name: t, typed_config: {"@type": $TCP, stat_prefix: b, cluster: nowhere}}]
                    - filters: [{name: t, typed_config: {"@type": $TCP, stat_prefix: p, cluster: here}}]
                  clusters:
                  - {name: there, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED}
                  - {name: nowhere, type: STATIC}
                  - name: here
                    type: ORIGINAL_DST
                    lb_policy: CLUSTER_PROVIDED
                    upstream_bind_config: {source_address: {address: 127.0.0.6, port_value: 0}}
                """;

        private static final String ORIGINAL_SRC = """
                - {name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_src.v3.OriginalSrc, mark: 1337}}""";

        private Inside() {}

        public static void main(String[] args) throws Exception {
            Process far = new ProcessBuilder("unshare", "-n", "sh", "-c", "echo there; exec sleep 60").start();
            try {
                far.getInputStream().read();
                String namespace = Long.toString(far.pid());
                must("ip", "link", "set", "lo", "up");
                must("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0");
                must("ip", "link", "set", "far0", "netns", namespace);
                must("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0");
                must("ip", "link", "set", "eth0", "up");
                must(far(namespace, "ip", "addr", "add", "10.9.0.2/24", "dev", "far0"));
                must(far(namespace, "ip", "link", "set", "far0", "up"));
                int code = InterceptCommand.run(
                        "iptables",
                        List.of("-i", "*", "-b", "*", "-u", "0", "-g", "0", "-o", "9", "-m", args[0]),
                        System.out,
                        System.out);
                assertThat(code).isZero();
                traffic(namespace, args[0].equals("TPROXY"));
                System.out.println("all as it should be");
            } finally {
                far.destroyForcibly();
            }
            System.exit(0);
        }

        private static void traffic(String namespace, boolean transparent) throws Exception {
            String config = CONFIG.replace("$TCP", TCP)
                    .replace("$TRANSPARENT", Boolean.toString(transparent))
                    .replace("$ORIGINAL_SRC", transparent ? ORIGINAL_SRC : "");
            try (var loops = new Loops(2);
                    var proxy = new ProxyProcess(BootstrapReader.parse("test", config), loops);
                    var application = new ServerSocket()) {
                proxy.start();
                application.bind(new InetSocketAddress(InetAddress.ofLiteral("10.9.0.1"), 3306));
                Thread.ofVirtual().start(() -> greet(application));

                // By its port to the listener that is not bound; nobody lives at the address.
                assertThat(talk("10.9.0.77", 80, "GET / HTTP/1.1\\r\\nHost: known\\r\\nConnection: close\\r\\n\\r\\n"))
                        .startsWith("HTTP/1.1 200 OK")
                        .endsWith("handed over");
                // Who calls the proxy's own port comes to nothing, and not to itself for ever.
                assertThat(talk("10.9.0.1", 15001, "x")).isEmpty();
                // In: the port is kept, and the application is called from an address that is not captured, or sees
                // its client's.
                assertThat(Said.run(far(namespace, "bash", "-c", script("10.9.0.1", 3306, "x")))
                                .text())
                        .isEqualTo(transparent ? "hello /10.9.0.2" : "hello /127.0.0.6");
                assertThat(Said.run(far(namespace, "bash", "-c", script("10.9.0.1", 15006, "x")))
                                .text())
                        .doesNotContain("hello");
                // In, to the port where outbound traffic comes: it goes nowhere, and comes to its end.
                assertThat(Said.run(far(namespace, "bash", "-c", script("10.9.0.1", 15001, "x")))
                                .text())
                        .doesNotContain("hello");
            }
        }

        private static void greet(ServerSocket server) {
            while (!server.isClosed()) {
                try (var accepted = server.accept()) {
                    accepted.getOutputStream()
                            .write(("hello " + accepted.getInetAddress()).getBytes(StandardCharsets.UTF_8));
                    accepted.getOutputStream().flush();
                    accepted.getInputStream().read();
                } catch (IOException e) {
                    return;
                }
            }
        }

        // As a user that is captured.
        private static String talk(String address, int port, String said) throws IOException {
            return Said.run(
                            "setpriv",
                            "--reuid=1000",
                            "--regid=1000",
                            "--clear-groups",
                            "bash",
                            "-c",
                            script(address, port, said))
                    .text();
        }

        private static String script(String address, int port, String said) {
            return "exec 3<>/dev/tcp/" + address + "/" + port + " && printf '" + said
                    + "' >&3 && timeout 10 cat <&3 2>/dev/null";
        }

        private static String[] far(String namespace, String... command) {
            var all = new java.util.ArrayList<>(List.of("nsenter", "--net=/proc/" + namespace + "/ns/net"));
            all.addAll(List.of(command));
            return all.toArray(String[]::new);
        }

        private static void must(String... command) throws IOException {
            Said said = Said.run(command);
            assertThat(said.code()).as(said.text()).isZero();
        }
    }
}
