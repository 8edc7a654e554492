package dev.mesh.proxy.intercept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Rules laid from outside, as the node agent does, and looked at from inside, as a pod's validation container does.
@SuppressWarnings("NullAway.Init") // set by JUnit
class NamespaceInterceptionTest {
    private static final Programs PROGRAMS = new Programs(System.getenv("PATH"));

    private Process holder;
    private String namespace;

    @BeforeEach
    void makesANamespace() throws IOException {
        assumeTrue(
                PROGRAMS.has("unshare")
                        && PROGRAMS.has("nsenter")
                        && PROGRAMS.has("ip")
                        && PROGRAMS.has("nft")
                        && PROGRAMS.has("iptables-nft-restore")
                        && PROGRAMS.run("", "unshare", "-n", "iptables-nft", "-t", "nat", "-L")
                                .isSuccess(),
                "needs root, iptables, nftables, iproute2 and util-linux");
        holder = new ProcessBuilder("unshare", "-n", "sleep", "300").start();
        namespace = "/proc/" + holder.pid() + "/ns/net";
        Path own = Files.readSymbolicLink(Path.of("/proc/self/ns/net"));
        await().atMost(30, TimeUnit.SECONDS)
                .until(() -> !Files.readSymbolicLink(Path.of(namespace)).equals(own));
        inside("ip", "link", "set", "lo", "up");
        inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0");
        inside("ip", "addr", "add", "10.9.0.2/24", "dev", "eth0");
        inside("ip", "-6", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad");
        inside("ip", "link", "set", "eth0", "up");
        inside("ip", "link", "set", "far0", "up");
    }

    @AfterEach
    void endsIt() {
        if (holder != null) {
            holder.destroyForcibly();
        }
    }

    private String inside(String name, String... args) throws IOException {
        var result = new Programs(System.getenv("PATH"), namespace).run("", name, args);
        assertThat(result.isSuccess()).as(result.errors()).isTrue();
        return result.output();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-u 0 -i * -b * -d 15021",
                "-u 0 -m TPROXY -i * -b *",
                "-u 0 -i * -b * --native-nftables",
                // Nothing that goes out is captured, and the missing rules are seen all the same.
                "-u 0 -b 8080",
            })
    void theValidationSeesWhetherTheRulesAreThere(String flags) throws Exception {
        List<String> args = List.of(flags.split(" "));
        assertThat(validate(args))
                .startsWith("126 ")
                .contains("a connection to 10.9.0.2:80 does not come to port 15006")
                .contains("the rules are not in place");

        String done = NamespaceInterception.apply(namespace, args, Map.of(), List.of());
        String rules = rules();
        assertThat(done).contains("for [IPV4, IPV6]");
        assertThat(validate(args)).isEqualTo("""
                        0 mesh-proxy iptables: a connection to 10.9.0.2:80 comes to port 15006
                        mesh-proxy iptables: a connection to fd09:0:0:0:0:0:0:2%eth0:80 comes to port 15006
                        """);

        NamespaceInterception.apply(namespace, args, Map.of(), List.of());
        assertThat(rules()).isEqualTo(rules);
    }

    @Test
    void whatIsWrongIsSaid() {
        assertThatThrownBy(() -> NamespaceInterception.apply(namespace, List.of("-p", "x"), Map.of(), List.of()))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("--envoy-port: \"x\" (expected: 1-65535)");
        assertThatThrownBy(() -> NamespaceInterception.apply(namespace, List.of("--cleanup-only"), Map.of(), List.of()))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("lay no rules");
        assertThatThrownBy(() -> NamespaceInterception.apply("/nowhere", List.of(), Map.of(), List.of()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the pod's network cannot be entered");
    }

    private String rules() throws IOException {
        return inside("nft", "list", "ruleset").replaceAll("packets \\d+ bytes \\d+", "");
    }

    private String validate(List<String> flags) throws Exception {
        var command = new ArrayList<>(List.of(
                "nsenter",
                "-n" + namespace,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Validation.class.getName()));
        command.addAll(flags);
        command.addAll(List.of("--run-validation", "--skip-rule-apply"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            return process.exitValue() + " " + said;
        } finally {
            process.destroyForcibly();
        }
    }

    /// Runs in the namespace, without the right to look at its rules.
    static final class Validation {
        private Validation() {}

        public static void main(String[] args) {
            var here = Machine.here();
            System.exit(InterceptCommand.run(
                    "iptables",
                    List.of(args),
                    Map.of(),
                    new Machine(here.ipv6(), false, List.of(), here.user()),
                    System.out,
                    System.err));
        }
    }
}
