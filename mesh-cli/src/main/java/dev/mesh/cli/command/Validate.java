package dev.mesh.cli.command;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.LeftAside;
import dev.mesh.api.finding.SourcePosition;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.client.Progress;
import dev.mesh.cli.client.Render;
import dev.mesh.cli.render.Output;
import dev.mesh.cli.render.Table;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `meshctl validate -f FILE...`: reads files as the pilot would, and says what is wrong with each.
@Command(
        name = "validate",
        description = {
            "Checks configuration: each file by itself, and all files as they stand together.",
            "",
            "Each remark has file:line:column, error, warning or info, the object, the field, and what was expected."
                    + " Only errors make the exit code 1."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl validate -f examples/shop",
            "  meshctl validate -f reviews.yaml -f edge.yaml",
            "  kubectl get virtualservices -A -o yaml | meshctl validate -f -"
        })
public final class Validate implements Callable<Integer> {
    private static final String STDIN = "-";

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = {"-f", "--filename"},
            required = true,
            arity = "1..*",
            paramLabel = "FILE",
            description = "Files or folders; - is standard input.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private List<Path> paths;

    @Mixin
    private final OutputOption form = new OutputOption();

    private final List<Remark> remarks = new ArrayList<>();
    private final List<Finding> foreign = new ArrayList<>();
    private final List<String> files = new ArrayList<>();
    private byte[] piped = {};
    private int objects;

    /// One line, and the same in parts.
    private record Remark(String text, JsonObject parts) {
        boolean isError() {
            return parts.get("severity").getAsString().equals("ERROR");
        }
    }

    @Override
    public Integer call() {
        try (var _ = Progress.of("reading")) {
            paths.forEach(this::check);
        }
        // A file alone is often a part of what stands elsewhere: it is not told what it lacks.
        if (paths.size() > 1 || Files.isDirectory(paths.getFirst())) {
            compare();
        }
        long errors = remarks.stream().filter(Remark::isError).count();
        if (form.output == Output.TABLE) {
            print(errors);
        } else {
            var all = new JsonArray();
            remarks.forEach(remark -> all.add(remark.parts()));
            var root = new JsonObject();
            root.addProperty("objects", objects);
            root.addProperty("errors", errors);
            root.add("findings", all);
            spec.commandLine().getOut().print(form.output.text(root));
        }
        spec.commandLine().getOut().flush();
        return errors == 0 ? 0 : 1;
    }

    private void print(long errors) {
        var out = spec.commandLine().getOut();
        var ansi = Table.ansi(spec);
        for (Remark remark : remarks) {
            String line = remark.text().replace("@|", "@ |");
            out.println(remark.isError() ? ansi.string("@|red " + line + "|@") : remark.text());
        }
        if (!foreign.isEmpty()) {
            out.println("left aside, of other API groups: " + LeftAside.summary(foreign));
        }
        long others = remarks.size() - errors;
        out.println(objects
                + (objects == 1 ? " object is fine, " : " objects are fine, ")
                + errors
                + (errors == 1 ? " error" : " errors")
                + (others == 0 ? "" : ", " + others + " more to know"));
    }

    private void check(Path path) {
        if (path.toString().equals(STDIN)) {
            files.add(STDIN);
            add(standardInput());
        } else if (Files.isDirectory(path)) {
            folder(path);
        } else if (Files.exists(path)) {
            files.add(path.toString());
            add(Sources.read(path));
        } else {
            throw new Failure(path + ": no such file or folder");
        }
    }

    @SuppressWarnings("SystemIn") // what the user pipes in
    private ReadResult standardInput() {
        try {
            InputStream in = System.in;
            piped = in.readNBytes(ConfigFolder.MOST_BYTES + 1);
            return ObjectReader.read("stdin", piped);
        } catch (IOException e) {
            throw new Failure("standard input cannot be read (" + e.getMessage() + ")");
        }
    }

    private void folder(Path path) {
        ConfigFolder listing;
        try {
            listing = ConfigFolder.list(path);
        } catch (IOException e) {
            throw new Failure(String.valueOf(e.getMessage()));
        }
        if (listing.files().isEmpty() && listing.unreadable().isEmpty()) {
            throw new Failure(path + ": no file ends in .yaml, .yml or .json");
        }
        listing.unreadable().forEach((file, why) -> add(ObjectReader.unreadable(file.toString(), why)));
        listing.files().forEach(file -> {
            files.add(file.toString());
            add(Sources.read(file));
        });
    }

    // What only shows when all objects stand together: the pilot knows.
    private void compare() {
        Path input = null;
        try {
            if (files.contains(STDIN)) {
                input = Files.write(Files.createTempFile("meshctl-stdin", ".yaml"), piped);
            }
            var across = Render.run(
                    files.stream().distinct().toList(),
                    input == null ? ProcessBuilder.Redirect.INHERIT : ProcessBuilder.Redirect.from(input.toFile()));
            for (var element : across.getAsJsonArray("findings")) {
                var finding = element.getAsJsonObject();
                if (finding.get("acrossObjects").getAsBoolean()) {
                    String text = finding.remove("text").getAsString();
                    finding.remove("acrossObjects");
                    remarks.add(new Remark(text, finding));
                }
            }
            if (input != null) {
                Files.delete(input);
            }
        } catch (IOException e) {
            throw new Failure("standard input cannot be kept (" + e.getMessage() + ")");
        }
    }

    private void add(ReadResult result) {
        objects += result.objects().size();
        for (Finding finding : result.findings()) {
            if (finding.code() == Finding.Code.FOREIGN_KIND) {
                foreign.add(finding); // told in one line
                continue;
            }
            var parts = new JsonObject();
            SourcePosition position = finding.position();
            parts.addProperty("severity", finding.severity().name());
            parts.addProperty("code", finding.code().name());
            parts.addProperty(
                    "object", finding.about() == null ? "" : finding.about().toString());
            parts.addProperty("path", finding.path());
            parts.addProperty("message", finding.message());
            parts.addProperty("position", position == null ? "" : position.toString());
            remarks.add(new Remark(finding.toString(), parts));
        }
    }
}
