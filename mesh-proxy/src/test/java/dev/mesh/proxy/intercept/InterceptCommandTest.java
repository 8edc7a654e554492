package dev.mesh.proxy.intercept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// What a person reads who gives wrong flags, or has not what is needed.
class InterceptCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private static final Machine MACHINE = new Machine(false, true, List.of(), 0);

    private int run(Machine machine, String... args) {
        return InterceptCommand.run(
                "iptables",
                List.of(args),
                Map.of(),
                machine,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private List<String> said() {
        return err.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void everyWrongFlagIsNamed() {
        int code = run(
                MACHINE,
                "-i",
                "10.0.0.0/33,*",
                "-x",
                "*",
                "-m",
                "redirect-all",
                "-p",
                "0",
                "-d",
                "80,http",
                "-u",
                "root",
                "-k",
                "a name",
                "-r",
                "254",
                "--host-ipv4-loopback-cidr",
                "10.0.0.0/8",
                "--redirect-dns=perhaps",
                "--cni-mode");

        assertThat(code).isEqualTo(2);
        assertThat(said())
                .containsExactly(
                        "mesh-proxy iptables: --cni-mode: unknown option",
                        "mesh-proxy iptables: --proxy-uid: \"root\" (expected: numbers, separated by commas)",
                        "mesh-proxy iptables: --envoy-port: \"0\" (expected: 1-65535)",
                        "mesh-proxy iptables: --istio-inbound-interception-mode: \"redirect-all\""
                                + " (expected: REDIRECT or TPROXY)",
                        "mesh-proxy iptables: --istio-inbound-tproxy-route-table: \"254\" (expected: 1-252)",
                        "mesh-proxy iptables: --istio-local-exclude-ports: \"http\""
                                + " (expected: ports 0-65535, separated by commas)",
                        "mesh-proxy iptables: --istio-service-cidr: \"10.0.0.0/33\""
                                + " (expected: ranges like 10.0.0.0/8, separated by commas, or \"*\")",
                        "mesh-proxy iptables: --istio-service-cidr: \"*\""
                                + " (expected: ranges like 10.0.0.0/8, separated by commas, or \"*\")",
                        "mesh-proxy iptables: --istio-service-exclude-cidr: \"*\" would leave everything alone"
                                + " (expected: ranges)",
                        "mesh-proxy iptables: --kube-virt-interfaces: \"a name\""
                                + " (expected: names of interfaces, separated by commas)",
                        "mesh-proxy iptables: --redirect-dns: \"perhaps\" (expected: true or false)",
                        "mesh-proxy iptables: --host-ipv4-loopback-cidr: \"10.0.0.0/8\""
                                + " (expected: a range of 127.0.0.0/8)",
                        "(mesh-proxy iptables --help says what there is)");
    }

    @Test
    void withoutTheCapabilityItSaysWhatIsNeeded() {
        int code = run(new Machine(false, false, List.of(), 65532), "-i", "*");

        assertThat(code).isEqualTo(1);
        assertThat(said())
                .singleElement()
                .asString()
                .contains("needs the capability NET_ADMIN", "securityContext.capabilities.add");
    }

    @Test
    void aDryRunNeedsNothing() {
        int code = run(new Machine(true, false, List.of(), 65532), "-i", "*", "-n");

        assertThat(code).isZero();
        assertThat(said()).isEmpty();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("# iptables-restore --noflush\n*nat\n", "# ip6tables-restore --noflush\n*nat\n");
    }

    @Test
    void aMachineWithoutIpv6GetsNoRulesForIt() {
        run(MACHINE, "-i", "*", "--dry-run");

        assertThat(out.toString(StandardCharsets.UTF_8)).doesNotContain("ip6tables", "ip -6");
    }

    @Test
    void withoutNameServersNoQuestionIsCaptured() {
        int code = run(MACHINE, "-i", "*", "--redirect-dns", "--dry-run");

        assertThat(code).isZero();
        assertThat(said()).singleElement().asString().contains("/etc/resolv.conf names no server");
        assertThat(out.toString(StandardCharsets.UTF_8)).doesNotContain("53 ", "15053");
    }

    @Test
    void theMachineIsReadFromItsFiles() {
        Machine machine = Machine.of(
                """
                00000000000000000000000000000001 01 80 10 80       lo
                fe800000000000000000000000000001 02 40 20 80     eth0
                """,
                "Name:\tx\nUid:\t0\t1337\t0\t1337\nCapEff:\t0000000000003000\n",
                "# by hand\nsearch x\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\nnameserver\n");

        assertThat(machine).isEqualTo(new Machine(false, true, List.of("10.96.0.10", "fe80::1"), 1337));
        assertThat(Machine.of("fd000000000000000000000000000001 02 40 00 80     eth0\n", "CapEff:\t0\n", ""))
                .isEqualTo(new Machine(true, false, List.of(), 0));
    }
}
