package dev.mesh.proxy.intercept;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What the flags in `intercept/X.args` make of a machine that has both families of addresses: `intercept/X.expected`,
/// for iptables and for nft. `-Dgolden=rewrite` writes the expected files anew.
class RulesTest {
    private static final Path FOLDER = Path.of("src/test/resources/intercept");

    static Stream<String> cases() throws IOException {
        try (var files = Files.list(FOLDER)) {
            return files
                    .map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".args"))
                    .map(name -> name.replace(".args", ""))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    static Settings settings(Map<String, String> environment, String... args) throws ConfigRejected {
        return Flags.parse(List.of(args), environment).settings().with(List.of("10.96.0.10", "fd00:10:96::a"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void areWhatTheFlagsSay(String name) throws Exception {
        String args = Files.readString(FOLDER.resolve(name + ".args")).trim();
        Settings settings = settings(Map.of(), args.isEmpty() ? new String[0] : args.split(" +"));
        var interception = new Interception(new Programs(""), settings, List.of(Family.IPV4, Family.IPV6));

        String plan = interception.plan(false) + interception.plan(true);

        Path expected = FOLDER.resolve(name + ".expected");
        if ("rewrite".equals(System.getProperty("golden"))) {
            Files.writeString(expected, plan);
        }
        assertThat(plan).isEqualTo(Files.readString(expected));
    }

    @Test
    void onlySomeGroupsAreCaptured() throws Exception {
        Settings settings = settings(Map.of("ISTIO_OUTBOUND_OWNER_GROUPS", "101,202"), "-i", "*");

        String script = IptablesScript.apply(Rules.of(settings, Family.IPV4), "");

        assertThat(script)
                .contains("-A ISTIO_OUTPUT -m owner ! --gid-owner 101 -m owner ! --gid-owner 202 -j RETURN\n");
    }

    @Test
    void someGroupsAreNotCaptured() throws Exception {
        Settings settings = settings(Map.of("ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", "101,202"), "-i", "*");

        String script = IptablesScript.apply(Rules.of(settings, Family.IPV4), "");

        assertThat(script)
                .contains("-A ISTIO_OUTPUT -m owner --gid-owner 101 -j RETURN\n")
                .contains("-A ISTIO_OUTPUT -m owner --gid-owner 202 -j RETURN\n");
    }

    @Test
    void whatIsThereAlreadyIsReplaced() throws Exception {
        Settings settings = settings(Map.of(), "-i", "*", "-b", "*");
        String saved = """
                *mangle
                :OUTPUT ACCEPT [0:0]
                :ISTIO_DIVERT - [0:0]
                -A OUTPUT -j ISTIO_DIVERT
                COMMIT
                *nat
                :OUTPUT ACCEPT [0:0]
                :ISTIO_OUTPUT - [0:0]
                :ISTIO_OLD - [0:0]
                -A OUTPUT -p udp -j ACCEPT
                -A OUTPUT -p tcp -j ISTIO_OUTPUT
                -A ISTIO_OUTPUT -j ISTIO_OLD
                COMMIT
                """;

        String script = IptablesScript.apply(Rules.of(settings, Family.IPV4), saved);

        assertThat(script)
                .startsWith(
                        "*mangle\n:ISTIO_DIVERT - [0:0]\n-D OUTPUT -j ISTIO_DIVERT\n-X ISTIO_DIVERT\nCOMMIT\n*nat\n")
                .contains(":ISTIO_OLD - [0:0]\n", "-D OUTPUT -p tcp -j ISTIO_OUTPUT\n-X ISTIO_OLD\n")
                .doesNotContain("ACCEPT\n");
    }

    @Test
    void onlyWhatIsOursIsTakenAway() {
        String saved = """
                *nat
                :OUTPUT ACCEPT [0:0]
                :KUBE-SERVICES - [0:0]
                :ISTIO_OUTPUT - [0:0]
                -A OUTPUT -j KUBE-SERVICES
                -A OUTPUT -j ISTIO_OUTPUT
                -A ISTIO_OUTPUT -j RETURN
                COMMIT
                """;

        assertThat(IptablesScript.clean(saved))
                .isEqualTo("*nat\n:ISTIO_OUTPUT - [0:0]\n-D OUTPUT -j ISTIO_OUTPUT\n-X ISTIO_OUTPUT\nCOMMIT\n");
        assertThat(IptablesScript.clean("*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")).isEmpty();
    }
}
