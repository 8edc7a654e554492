package dev.mesh.cli.command;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.api.decide.compile.ConfigSnapshot;
import dev.mesh.api.decide.compile.Explainer;
import dev.mesh.api.decide.explain.Explanation;
import dev.mesh.api.decide.explain.HostHealth;
import dev.mesh.api.decide.explain.RequestDescription;
import dev.mesh.api.proto.v1.ExplainRequest;
import dev.mesh.api.proto.v1.Header;
import dev.mesh.api.proto.v1.Question;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.cli.client.AdminClient;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.client.Render;
import dev.mesh.cli.render.Output;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `meshctl explain URL`: which way a request goes, and why not another.
@Command(
        name = "explain",
        description = {
            "Says which way a request goes, by which rule of which file, and why the others did not match.",
            "",
            "The proxy of --from decides, live and by what serves traffic now; with --file the same is computed offline."
                    + " Where nothing takes the request the exit code is 1."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl explain http://reviews:8080/ --from storefront -H 'x-user: jason'",
            "  meshctl explain http://127.0.0.1:8080/ --from edge",
            "  meshctl explain --tcp stock:7070 --from storefront",
            "  meshctl explain http://catalog:9090/shop.Catalog/Get -X POST -H 'content-type: application/grpc' --from storefront",
            "  meshctl explain http://reviews:8080/ --file examples/shop --from storefront",
            "  meshctl explain http://shop.example/ --file config_dump.json"
        })
public final class Explain implements Callable<Integer> {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "URL",
            description = "http://host:port/path, https://..., or tcp://host:port.")
    private @Nullable String url;

    @Option(
            names = "--tcp",
            paramLabel = "HOST:PORT",
            description = "A TCP connection instead of a request; the same as tcp://HOST:PORT.")
    private @Nullable String tcp;

    @Option(
            names = {"-X", "--request"},
            paramLabel = "METHOD",
            defaultValue = "GET",
            description = "Method (default: GET).")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private String method;

    @Option(
            names = {"-H", "--header"},
            paramLabel = "HEADER",
            description = "\"name: value\"; may be repeated.")
    private List<String> headers = List.of();

    @Option(
            names = "--from",
            paramLabel = "PROXY",
            description = "Whose proxy decides: workload.namespace, workload, or a node id.")
    private @Nullable String from;

    @Option(names = "--admin", paramLabel = "HOST:PORT", description = "Ask this admin endpoint of a mesh-proxy.")
    private @Nullable String admin;

    @Option(
            names = "--file",
            paramLabel = "FILE",
            description =
                    "Decide offline by a saved /config_dump, an Envoy bootstrap, or a folder of YAML (with --from).")
    private @Nullable Path file;

    @Option(names = "--listener", paramLabel = "NAME", description = "Start at this listener.")
    private String listener = "";

    @Option(names = "--inbound", description = "The proxy's way in is meant.")
    private boolean inbound;

    @Option(names = "--source-ip", paramLabel = "IP", description = "Address of the caller (default: loopback).")
    private String source = "";

    @Mixin
    private final PilotOptions pilot = new PilotOptions();

    @Mixin
    private final OutputOption form = new OutputOption();

    @Override
    public Integer call() {
        if ((url == null) == (tcp == null)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "say what is asked for: a URL, or --tcp HOST:PORT");
        }
        String target = url == null ? "tcp://" + tcp : url;
        RequestDescription request;
        try {
            request = RequestDescription.of(method, target, "", headers, listener, inbound, source);
        } catch (IllegalArgumentException e) {
            throw new Failure(String.valueOf(e.getMessage()));
        }
        JsonObject answer = file == null ? live(target) : offline(file, request);
        var out = spec.commandLine().getOut();
        if (form.output == Output.TABLE) {
            new ExplanationText(out, dev.mesh.cli.render.Table.ansi(spec))
                    .print(GSON.fromJson(answer, Explanation.class));
        } else {
            out.print(form.output.text(answer));
        }
        out.flush();
        return answer.get("outcome").isJsonNull() ? 1 : 0;
    }

    private JsonObject live(String target) {
        if (admin != null) {
            String query = "/explain?url=" + encode(target) + "&method=" + encode(method) + "&headers="
                    + encode(String.join("\n", headers)) + "&listener=" + encode(listener) + "&inbound=" + inbound
                    + "&source=" + encode(source);
            return JsonParser.parseString(new AdminClient(admin).get(query)).getAsJsonObject();
        }
        if (from == null) {
            throw new Failure("say whose proxy decides: --from WORKLOAD, --admin HOST:PORT or --file FILE"
                    + " (meshctl proxy-status lists the connected ones)");
        }
        try (var client = pilot.client()) {
            var question = ExplainRequest.newBuilder()
                    .setMethod(method)
                    .setUrl(target)
                    .setListener(listener)
                    .setInbound(inbound)
                    .setSource(source);
            for (String header : headers) {
                int colon = header.indexOf(':', 1);
                question.addHeaders(Header.newBuilder()
                        .setName(header.substring(0, colon).trim())
                        .setValue(header.substring(colon + 1).trim()));
            }
            return JsonParser.parseString(
                            client.ask(client.find(from), Question.newBuilder().setExplain(question)))
                    .getAsJsonObject();
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private JsonObject offline(Path path, RequestDescription request) {
        if (!Files.exists(path)) {
            throw new Failure(path + ": no such file or folder");
        }
        if (Files.isDirectory(path)) {
            if (from == null) {
                throw new Failure("say whose proxy decides: --from with the name of a WorkloadEntry in " + path
                        + ", or of a gateway (edge)");
            }
            JsonObject rendered = Render.run(path, from);
            JsonObject explained = explain(path + "", rendered.get("config").toString(), request);
            Places.complete(explained, rendered);
            return explained;
        }
        try {
            return explain(path.toString(), Files.readString(path), request);
        } catch (IOException e) {
            throw new Failure(path + ": " + ConfigFolder.reason(e));
        }
    }

    private static JsonObject explain(String name, String text, RequestDescription request) {
        try {
            JsonElement tree =
                    GSON.toJsonTree(Explainer.explain(ConfigSnapshot.parse(name, text), HostHealth.UNKNOWN, request));
            return tree.getAsJsonObject();
        } catch (IllegalArgumentException e) {
            throw new Failure(String.valueOf(e.getMessage()));
        }
    }
}
