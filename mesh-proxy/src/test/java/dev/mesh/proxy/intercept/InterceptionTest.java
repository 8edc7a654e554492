package dev.mesh.proxy.intercept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The rules in a kernel: in a network namespace of their own, where that is allowed and the programs are there.
class InterceptionTest {
    private static final Programs PROGRAMS = new Programs(System.getenv("PATH"));

    @BeforeEach
    void namespacesAreAllowed() throws IOException {
        assumeTrue(
                PROGRAMS.has("unshare")
                        && PROGRAMS.has("ip")
                        && PROGRAMS.has("nft")
                        && PROGRAMS.has("iptables-nft-restore")
                        && PROGRAMS.run("", "unshare", "-n", "iptables-nft", "-t", "nat", "-L")
                                .isSuccess(),
                "needs root, iptables, nftables and iproute2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-i * -b * -d 15021 -x 10.1.0.0/16,fd01::/16 -o 22 -q 9000 -k tap+ -c net1 --drop-invalid",
                "-i * -b * -m TPROXY --redirect-dns",
                "-i * -b * -m TPROXY --redirect-dns --capture-all-dns --native-nftables -k tap+ -c net1 -x 10.1.0.0/16",
                "-i 10.0.0.0/8,fd00::/8 -b 80,443 -m TPROXY",
            })
    void areAppliedOnceHoweverOften(String args) throws Exception {
        Process inside = new ProcessBuilder(
                        "unshare",
                        "-n",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Inside.class.getName(),
                        args)
                .redirectErrorStream(true)
                .start();
        try {
            String said = new String(inside.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(inside.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(said.lines().toList()).containsExactly("as it was");
        } finally {
            inside.destroyForcibly();
        }
    }

    /// Runs in the namespace.
    static final class Inside {
        private Inside() {}

        public static void main(String[] args) throws IOException {
            must("ip", "link", "set", "lo", "up");
            must("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0");
            must("ip", "addr", "add", "10.9.0.2/24", "dev", "eth0");
            must("ip", "-6", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad");
            must("ip", "link", "set", "eth0", "up");
            must("ip", "link", "set", "far0", "up");
            must("ip", "route", "add", "default", "via", "10.9.0.1");
            must("ip", "-6", "route", "add", "default", "via", "fd09::1");
            // Another's rule stays where it is.
            must("iptables-nft", "-t", "nat", "-A", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "RETURN");
            String before = state();
            String[] flags = args[0].split(" ");

            String first = apply(flags);
            String second = apply(flags);
            assertThat(first).isNotEqualTo(before);
            assertThat(second).isEqualTo(first);

            assertThat(command("clean-iptables")).isEmpty();
            assertThat(state()).isEqualTo(before);
            assertThat(command("clean-iptables")).isEmpty();
            System.out.println("as it was");
        }

        private static String apply(String... flags) throws IOException {
            var all = new java.util.ArrayList<>(List.of(flags));
            all.add("--run-validation");
            String said = command("iptables", all.toArray(String[]::new));
            assertThat(said.lines()).hasSize(2).allMatch(line -> line.contains("comes to port 15001"));
            return state();
        }

        private static String command(String name, String... flags) {
            var out = new ByteArrayOutputStream();
            var print = new PrintStream(out, true, StandardCharsets.UTF_8);
            var here = Machine.here();
            int code = InterceptCommand.run(
                    name,
                    List.of(flags),
                    Map.of("PATH", System.getenv("PATH")),
                    new Machine(here.ipv6(), here.mayAdminister(), List.of("10.96.0.10", "fd00:10:96::a"), 0),
                    print,
                    print);
            String said = out.toString(StandardCharsets.UTF_8);
            assertThat(code).as(said).isZero();
            return said;
        }

        // Tables that are empty are as none.
        private static String state() throws IOException {
            var state = new StringBuilder();
            for (String[] command : List.of(
                    new String[] {"iptables-nft-save"},
                    new String[] {"ip6tables-nft-save"},
                    new String[] {"nft", "list", "table", "ip", NftScript.TABLE},
                    new String[] {"nft", "list", "table", "ip6", NftScript.TABLE},
                    new String[] {"ip", "rule", "show"},
                    new String[] {"ip", "-6", "rule", "show"},
                    new String[] {"ip", "route", "show", "table", "133"},
                    new String[] {"ip", "-6", "addr", "show", "dev", "lo"})) {
                var result = PROGRAMS.run(
                        "",
                        command[0],
                        List.of(command).subList(1, command.length).toArray(String[]::new));
                result.output()
                        .lines()
                        .filter(line -> !line.startsWith("#")
                                && !line.startsWith("*")
                                && !line.startsWith(":")
                                && !line.equals("COMMIT"))
                        .forEach(line -> state.append(line).append('\n'));
            }
            return state.toString();
        }

        private static void must(String name, String... args) throws IOException {
            var result = PROGRAMS.run("", name, args);
            assertThat(result.isSuccess()).as(result.errors()).isTrue();
        }
    }
}
