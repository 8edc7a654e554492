package dev.mesh.proxy.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.proxy.intercept.InterceptCommand;
import dev.mesh.proxy.intercept.Said;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.io.ResolvConf;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Questions of the C library (`getent`), and of `dig` where that is there, which the kernel brings to the server: in
/// namespaces of their own, where that is allowed. The proxy is root there, what is captured is another user's, and the
/// name server is in a second network namespace.
@Timeout(120)
class CapturedQuestionsTest {
    @ParameterizedTest
    @ValueSource(strings = {"--redirect-dns", "--redirect-dns --capture-all-dns", "--redirect-dns --native-nftables"})
    void comeToTheServerAndItsOwnGoOut(String flags) throws Exception {
        assumeTrue(
                Said.run("unshare", "-n", "-m", "iptables-nft", "-t", "nat", "-L")
                                        .code()
                                == 0
                        && Said.run("setpriv", "--reuid=1000", "getent", "hosts", "127.0.0.1")
                                        .code()
                                == 0,
                "needs root, iptables, iproute2, util-linux and libc-bin");
        Said said = Said.run(
                "unshare",
                "-n",
                "-m",
                java(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Inside.class.getName(),
                flags);
        assertThat(said.text()).contains("all as it should be\n");
        assertThat(said.code()).isZero();
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /// Runs in the namespaces of the pod.
    static final class Inside {
        private static final String SERVER = "10.9.0.2";
        private static final NameTable TABLE = NameTable.newBuilder()
                .putTable(
                        "reviews.shop.svc.cluster.local",
                        NameInfo.newBuilder()
                                .setRegistry("Kubernetes")
                                .setShortname("reviews")
                                .setNamespace("shop")
                                .addIps("10.96.0.11")
                                .build())
                .putTable(
                        "db.internal",
                        NameInfo.newBuilder().addIps("240.240.0.1").build())
                .putTable(
                        "*.wild.internal",
                        NameInfo.newBuilder().addIps("240.240.0.2").build())
                .build();

        private Inside() {}

        public static void main(String[] args) throws Exception {
            Process far = new ProcessBuilder("unshare", "-n", "sh", "-c", "echo there; exec sleep 60").start();
            Process named = null;
            try {
                far.getInputStream().read();
                String namespace = Long.toString(far.pid());
                must("ip", "link", "set", "lo", "up");
                must("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0");
                must("ip", "link", "set", "far0", "netns", namespace);
                must("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0");
                must("ip", "link", "set", "eth0", "up");
                must(far(namespace, "ip", "addr", "add", SERVER + "/24", "dev", "far0"));
                must(far(namespace, "ip", "link", "set", "far0", "up"));
                String resolver = "search shop.svc.cluster.local cluster.local\nnameserver " + SERVER
                        + "\noptions ndots:5 timeout:3 attempts:1\n";
                mount("/etc/resolv.conf", resolver);
                mount("/etc/nsswitch.conf", "hosts: dns\n");
                named = new ProcessBuilder(far(
                                namespace,
                                java(),
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                FakeNameServer.class.getName(),
                                SERVER))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
                var said = new BufferedReader(new InputStreamReader(named.getInputStream(), StandardCharsets.UTF_8));
                assertThat(said.readLine()).isEqualTo("ready");
                var flags = new ArrayList<>(List.of("-i", "*", "-b", "*", "-u", "0", "-g", "0"));
                flags.addAll(List.of(args[0].split(" ")));
                assertThat(InterceptCommand.run("iptables", flags, System.out, System.out))
                        .isZero();
                questions(resolver);
                named.getOutputStream().close();
                var asked = new TreeSet<>(said.lines().toList());
                assertThat(asked).contains("udp www.example.org 1", "tcp big.example.org 1");
                assertThat(asked).noneMatch(line -> line.contains("internal") || line.contains("reviews"));
                System.out.println("all as it should be");
            } finally {
                far.destroyForcibly();
                if (named != null) {
                    named.destroyForcibly();
                }
            }
            System.exit(0);
        }

        private static void questions(String resolver) throws Exception {
            try (var loops = new Loops(1);
                    var server = DnsServer.start(
                            DnsServer.Settings.of(
                                    List.of(InetAddress.ofLiteral("127.0.0.1")),
                                    15053,
                                    "shop",
                                    "shop.svc.cluster.local",
                                    ResolvConf.parse(resolver),
                                    false),
                            loops)) {
                server.names(TABLE);
                assertThat(addresses("reviews")).containsExactly("10.96.0.11");
                assertThat(addresses("reviews.shop.svc.cluster.local")).containsExactly("10.96.0.11");
                // Its first try is with a search domain: an alias.
                assertThat(addresses("db.internal")).containsExactly("240.240.0.1");
                assertThat(addresses("any.wild.internal")).containsExactly("240.240.0.2");
                assertThat(addresses("www.example.org.")).containsExactly("192.0.2.1", "2001:db8::1");
                // The answer by UDP is cut short, so it asks by TCP.
                assertThat(addresses("big.example.org.")).hasSize(120);
                assertThat(addresses("nx.example.org.")).isEmpty();
                if (Said.run("dig", "-v").code() == 0) {
                    assertThat(dig("reviews.shop", "A")).isEqualTo("10.96.0.11\n");
                    assertThat(dig("reviews.shop", "AAAA")).isEmpty();
                    assertThat(dig("db.internal.shop.svc.cluster.local", "A", "+tcp"))
                            .isEqualTo("db.internal.\n240.240.0.1\n");
                    assertThat(dig("www.example.org", "AAAA")).isEqualTo("2001:db8::1\n");
                }
            }
        }

        // As a user that is captured.
        private static Said captured(String... command) throws IOException {
            var all = new ArrayList<>(List.of("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"));
            all.addAll(List.of(command));
            return Said.run(all.toArray(String[]::new));
        }

        private static TreeSet<String> addresses(String name) throws IOException {
            var addresses = new TreeSet<String>();
            captured("getent", "ahosts", name).text().lines().forEach(line -> addresses.add(line.split("\\s+", 2)[0]));
            return addresses;
        }

        private static String dig(String... question) throws IOException {
            var all = new ArrayList<>(List.of("dig", "+short", "+tries=1"));
            all.addAll(List.of(question));
            return captured(all.toArray(String[]::new)).text();
        }

        private static void mount(String over, String text) throws IOException {
            Path file = Files.createTempFile("dns", ".conf");
            Files.writeString(file, text);
            file.toFile().setReadable(true, false);
            must("mount", "--bind", file.toString(), over);
            Files.delete(file);
        }

        private static String[] far(String namespace, String... command) {
            var all = new ArrayList<>(List.of("nsenter", "--net=/proc/" + namespace + "/ns/net"));
            all.addAll(List.of(command));
            return all.toArray(String[]::new);
        }

        private static void must(String... command) throws IOException {
            Said said = Said.run(command);
            assertThat(said.code()).as(said.text()).isZero();
        }
    }
}
