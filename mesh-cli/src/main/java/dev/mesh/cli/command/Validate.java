package dev.mesh.cli.command;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.LeftAside;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.client.Render;
import dev.mesh.cli.render.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `meshctl validate -f FILE...`: reads files as the pilot would, and says what is wrong with each.
@Command(name = "validate", description = "Checks files of configuration, each by itself; a folder also as a whole.")
public final class Validate implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = {"-f", "--filename"},
            required = true,
            arity = "1..*",
            paramLabel = "FILE",
            description = "Files or folders.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private List<Path> paths;

    @Override
    public Integer call() {
        var out = spec.commandLine().getOut();
        var ansi = Table.ansi(spec);
        int errors = 0;
        int objects = 0;
        var foreign = new ArrayList<Finding>();
        for (Path file : files()) {
            var result = ObjectReader.read(file.toString(), text(file));
            objects += result.objects().size();
            for (Finding finding : result.findings()) {
                if (finding.code() == Finding.Code.FOREIGN_KIND) {
                    foreign.add(finding); // told in one line below
                    continue;
                }
                String line = finding.toString().replace("@|", "@ |");
                if (finding.severity() == Finding.Severity.ERROR) {
                    errors++;
                    out.println(ansi.string("@|red " + line + "|@"));
                } else {
                    out.println(line);
                }
            }
        }
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                errors += across(path, out, ansi);
            }
        }
        if (!foreign.isEmpty()) {
            out.println("left aside, of other API groups: " + LeftAside.summary(foreign));
        }
        out.println(objects + " objects are fine, " + errors + " errors");
        out.flush();
        return errors == 0 ? 0 : 1;
    }

    // What only shows when all objects of a folder stand together: the pilot knows.
    private static int across(Path folder, java.io.PrintWriter out, picocli.CommandLine.Help.Ansi ansi) {
        int errors = 0;
        for (var element : Render.run(folder, "").getAsJsonArray("findings")) {
            var finding = element.getAsJsonObject();
            if (!finding.get("acrossObjects").getAsBoolean()) {
                continue;
            }
            String line = (folder + "/" + finding.get("text").getAsString()).replace("@|", "@ |");
            if (finding.get("severity").getAsString().equals("ERROR")) {
                errors++;
                out.println(ansi.string("@|red " + line + "|@"));
            } else {
                out.println(line);
            }
        }
        return errors;
    }

    private List<Path> files() {
        var files = new ArrayList<Path>();
        for (Path path : paths) {
            if (!Files.exists(path)) {
                throw new Failure(path + ": no such file or folder");
            }
            try (var found = Files.walk(path)) {
                found.filter(Files::isRegularFile)
                        .filter(file -> file.equals(path) || file.toString().matches(".*\\.(yaml|yml|json)"))
                        .sorted()
                        .forEach(files::add);
            } catch (IOException e) {
                throw new Failure(path + ": cannot be read (" + e.getMessage() + ")");
            }
        }
        return files;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new Failure(file + ": cannot be read (" + e.getMessage() + ")");
        }
    }
}
