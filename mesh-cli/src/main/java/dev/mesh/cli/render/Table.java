package dev.mesh.cli.render;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.Ansi.Text;
import picocli.CommandLine.Help.Column;
import picocli.CommandLine.Help.TextTable;
import picocli.CommandLine.Model.CommandSpec;

/// Rows under headings, each column as wide as its widest cell.
public final class Table {
    private static final int GAP = 3;

    private final List<String> headings;
    private final List<List<String>> rows = new ArrayList<>();

    public Table(String... headings) {
        this.headings = List.of(headings);
    }

    public Table row(Object... cells) {
        var row = new ArrayList<String>(cells.length);
        for (Object cell : cells) {
            String text = String.valueOf(cell);
            row.add(text.isEmpty() ? "-" : text);
        }
        if (row.size() != headings.size()) {
            throw new IllegalArgumentException("row: " + row.size() + " cells (expected: " + headings.size() + ")");
        }
        rows.add(row);
        return this;
    }

    public void print(PrintWriter out, Ansi ansi) {
        var columns = new Column[headings.size()];
        for (int i = 0; i < columns.length; i++) {
            int at = i;
            int widest = rows.stream()
                    .mapToInt(row -> row.get(at).length())
                    .reduce(headings.get(i).length(), Math::max);
            columns[i] = new Column(widest + GAP, 0, Column.Overflow.TRUNCATE);
        }
        var table = TextTable.forColumns(new picocli.CommandLine.Help.ColorScheme.Builder(ansi).build(), columns);
        table.addRowValues(headings.stream()
                .map(heading -> ansi.text("@|bold " + heading + "|@"))
                .toArray(Text[]::new));
        for (var row : rows) {
            table.addRowValues(row.stream().map(cell -> plain(ansi, cell)).toArray(Text[]::new));
        }
        for (String line : table.toString().split("\n", -1)) {
            if (!line.isBlank()) {
                out.println(line.stripTrailing());
            }
        }
        out.flush();
    }

    // A cell is data: picocli's markup in it must not act.
    private static Text plain(Ansi ansi, String cell) {
        return ansi.text(cell.replace("@|", "@ |"));
    }

    /// The scheme of a command, so that colours go to terminals only.
    public static Ansi ansi(CommandSpec spec) {
        return spec.commandLine().getColorScheme().ansi();
    }
}
