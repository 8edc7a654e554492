package dev.mesh.cli.local;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Help.Ansi;

/// The lines of many programs in one stream, each behind its program's name. Thread-safe.
public final class Log {
    private static final String[] COLOURS = {"cyan", "green", "yellow", "magenta", "blue", "cyan,bold", "green,bold"};

    private final PrintWriter out;
    private final Ansi ansi;
    private final int width;
    private final Map<String, String> colours = new LinkedHashMap<>();

    /// @param width of the longest name
    public Log(PrintWriter out, Ansi ansi, int width) {
        this.out = out;
        this.ansi = ansi;
        this.width = width;
    }

    public synchronized void line(String name, String line) {
        String colour = colours.computeIfAbsent(name, any -> COLOURS[colours.size() % COLOURS.length]);
        out.print(ansi.string("@|" + colour + " " + pad(name) + " ||@ "));
        out.println(line);
        out.flush();
    }

    public synchronized void problem(String name, String line) {
        out.print(ansi.string("@|red,bold " + pad(name) + " !|@ "));
        out.println(line);
        out.flush();
    }

    public synchronized void say(String line) {
        out.println(line);
        out.flush();
    }

    private String pad(String name) {
        return name.length() >= width ? name : name + " ".repeat(width - name.length());
    }
}
