package dev.mesh.cli.render;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Help.Ansi;

class TerminalTest {
    @Test
    void coloursAreForTerminalsThatWantThem() {
        assertThat(Terminal.ansi(Map.of("TERM", "xterm"), true)).isEqualTo(Ansi.ON);
        assertThat(Terminal.ansi(Map.of("TERM", "xterm", "NO_COLOR", ""), true)).isEqualTo(Ansi.ON);
        assertThat(Terminal.ansi(Map.of("TERM", "xterm"), false)).isEqualTo(Ansi.OFF);
        assertThat(Terminal.ansi(Map.of("TERM", "xterm", "NO_COLOR", "1"), true))
                .isEqualTo(Ansi.OFF);
        assertThat(Terminal.ansi(Map.of("TERM", "dumb"), true)).isEqualTo(Ansi.OFF);
        assertThat(Terminal.ansi(Map.of(), true)).isEqualTo(Ansi.OFF);
    }
}
