package dev.mesh.pilot.boot;

import dev.mesh.api.meta.Ports;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.pilot.folder.FolderSource;
import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.render.RenderCommand;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `mesh-pilot --folder DIR` or `mesh-pilot --kubernetes`, and `mesh-pilot render --folder DIR [--node NAME]`,
/// `mesh-pilot render --file FILE...`,
/// `mesh-pilot inject --file FILE` and `mesh-pilot check-inject --object KIND/NAME` for `meshctl`.
public final class PilotMain {
    private static final String USAGE =
            "usage: mesh-pilot --folder DIR [--xds-port N] [--http-port N] [--port-file FILE]\n"
                    + "       mesh-pilot --kubernetes [--kubeconfig FILE] [--namespace mesh-system] [--revision default]"
                    + " [--cluster-id Kubernetes] [--domain cluster.local] [--xds-port N]"
                    + " [--secure-port N] [--webhook-port N] [--http-port N] [--port-file FILE]";

    private PilotMain() {}

    public static void main(String[] args) {
        if (args.length > 0 && args[0].equals("render")) {
            render(args);
            return;
        }
        if (args.length > 0 && List.of("inject", "check-inject").contains(args[0])) {
            inject(args);
            return;
        }
        Path folder = null;
        Path portFile = null;
        Path kubeconfig = null;
        boolean kubernetes = false;
        String namespace = environment("POD_NAMESPACE", "mesh-system");
        String revision = environment("REVISION", "default");
        String clusterId = "Kubernetes";
        String domain = "cluster.local";
        int xdsPort = Ports.XDS_PLAINTEXT;
        int httpPort = -1;
        int securePort = -1;
        int webhookPort = -1;
        int at = 0;
        while (at < args.length) {
            String option = args[at++];
            if (option.equals("--kubernetes")) {
                kubernetes = true;
                continue;
            }
            String value = at < args.length ? args[at++] : "";
            switch (option) {
                case "--folder" -> folder = Path.of(value);
                case "--kubeconfig" -> kubeconfig = Path.of(value);
                case "--namespace" -> namespace = value;
                case "--revision" -> revision = value;
                case "--cluster-id" -> clusterId = value;
                case "--domain" -> domain = value;
                case "--port-file" -> portFile = Path.of(value);
                case "--xds-port" -> xdsPort = port(option, value);
                case "--http-port" -> httpPort = port(option, value);
                case "--secure-port" -> securePort = port(option, value);
                case "--webhook-port" -> webhookPort = port(option, value);
                default -> fail(option + ": unknown option");
            }
            if (value.isEmpty()) {
                fail(option + ": its value is missing");
            }
        }
        if ((folder != null) == kubernetes) {
            fail(USAGE);
            return;
        }
        if (folder != null && !Files.isDirectory(folder)) {
            fail(folder + ": not a folder");
        }
        if (!domain.equals("cluster.local")) {
            fail("--domain " + domain + ": only cluster.local is honoured yet");
        }
        KubeOptions cluster = kubernetes ? new KubeOptions(kubeconfig, namespace, revision, clusterId, domain) : null;
        try {
            // A pilot away from its usual port is one of several: it must not fight for the other port either.
            int http = httpPort >= 0 ? httpPort : xdsPort == Ports.XDS_PLAINTEXT ? Ports.PILOT_HTTP : 0;
            boolean usual = xdsPort == Ports.XDS_PLAINTEXT;
            int secure = securePort >= 0 ? securePort : usual ? Ports.XDS : 0;
            int webhooks = webhookPort >= 0 ? webhookPort : usual ? Ports.WEBHOOKS : 0;
            PilotApplication.run(new PilotProperties(folder, cluster, xdsPort, secure, webhooks, http, portFile));
        } catch (RuntimeException e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            fail(String.valueOf(cause.getMessage()));
        }
    }

    private static String environment(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static int port(String option, String text) {
        if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) > 65535) {
            fail(option + " " + text + " (expected: a port, or 0 for any)");
        }
        return Integer.parseInt(text);
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void render(String[] args) {
        Path folder = null;
        var files = new ArrayList<String>();
        String node = "";
        for (int i = 1; i + 1 < args.length; i += 2) {
            switch (args[i]) {
                case "--folder" -> folder = Path.of(args[i + 1]);
                case "--file" -> files.add(args[i + 1]);
                case "--node" -> node = args[i + 1];
                default -> fail(args[i] + ": unknown option");
            }
        }
        if ((folder == null) == files.isEmpty() || args.length % 2 != 1) {
            fail("usage: mesh-pilot render --folder DIR | --file FILE... [--node NAME] (- is standard input)");
            return;
        }
        try {
            System.out.println(render(folder, files, node, System.in));
        } catch (IOException | IllegalArgumentException e) {
            fail(String.valueOf(e.getMessage()));
        }
    }

    /// @param folder null: `files` instead
    /// @param files `-` is `stdin`
    static String render(@Nullable Path folder, List<String> files, String node, InputStream stdin) throws IOException {
        var registry = new Registry();
        for (String file : files) {
            var read = read(file, stdin);
            registry.put(name(file), read.objects(), read.findings());
        }
        if (folder != null) {
            try (var source = new FolderSource(folder, registry, () -> {}, false)) {
                source.read();
            }
        }
        return RenderCommand.render(registry.objects(), registry.findings(), registry.duplicates(), node);
    }

    private static String name(String file) {
        return file.equals("-") ? "stdin" : file;
    }

    private static ReadResult read(String file, InputStream stdin) {
        boolean piped = file.equals("-");
        try (InputStream in = piped ? stdin : Files.newInputStream(Path.of(file))) {
            return ObjectReader.read(name(file), in.readNBytes(ConfigFolder.MOST_BYTES + 1));
        } catch (IOException e) {
            return ObjectReader.unreadable(file, ConfigFolder.reason(e));
        }
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void inject(String[] args) {
        try {
            System.out.println(InjectMain.run(args[0], List.of(args).subList(1, args.length)));
        } catch (IOException | IllegalArgumentException e) {
            fail(String.valueOf(e.getMessage()));
        }
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static void fail(String message) {
        System.err.println("mesh-pilot: " + message);
        System.exit(2);
    }
}
