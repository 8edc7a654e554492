package dev.mesh.proxy.boot;

import dev.mesh.proxy.admin.LogControl;
import dev.mesh.proxy.agent.AgentCommand;
import dev.mesh.proxy.agent.PodReader;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.intercept.InterceptCommand;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.node.NodeAgentCommand;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// `mesh-proxy`: runs one proxy for each `-c`, with Envoy's flags.
public final class MeshProxy {
    private static final String USAGE = """
            usage: mesh-proxy -c FILE [-c FILE ...] [options]
              -c, --config-path FILE      an Envoy bootstrap, YAML or JSON; several run in one process
              --config-yaml TEXT          a bootstrap given directly
              --mode serve|validate       validate checks the bootstrap and binds nothing (default: serve)
              --concurrency N             event loops (default: the number of processors)
              --drain-time-s SECONDS      of a graceful drain, until listeners close (default: 600)
              --service-node ID           overrides node.id
              --service-cluster NAME      overrides node.cluster
              --admin-address-path FILE   writes the admin endpoint's address there
              --log-level LEVEL           trace, debug, info, warning, error, off (default: info)
              --version, --help
                   mesh-proxy proxy sidecar|router [options]   runs in a pod, by its environment (--help says more)
                   mesh-proxy wait, mesh-proxy drain           for hooks of a pod (--help says more)
                   mesh-proxy iptables [options]        captures this pod's traffic (--help says more)
                   mesh-proxy clean-iptables [options]  takes that away
                   mesh-proxy node-agent [options]      does that for the pods of a node (--help says more)
            """;

    private MeshProxy() {}

    public static void main(String[] args) throws IOException {
        System.exit(run(args, System.out, System.err));
    }

    static int run(String[] args, PrintStream out, PrintStream err) throws IOException {
        List<String> rest = args.length == 0 ? List.of() : List.of(args).subList(1, args.length);
        return switch (args.length == 0 ? "" : args[0]) {
            case "wait", "drain" -> AgentCommand.run(args[0], rest, System.getenv(), out, err);
            case "proxy" -> PodCommand.run(rest, System.getenv(), PodReader.Source.MACHINE, out, err);
            case "iptables", "clean-iptables" -> InterceptCommand.run(args[0], rest, out, err);
            case "node-agent" -> NodeAgentCommand.run(rest, System.getenv(), out, err);
            default -> proxies(args, out, err);
        };
    }

    private static int proxies(String[] args, PrintStream out, PrintStream err) throws IOException {
        Options options;
        try {
            options = Options.parse(args);
        } catch (ConfigRejected e) {
            err.println("mesh-proxy: " + e.getMessage());
            err.print(USAGE);
            return 2;
        }
        if (options.help) {
            out.print(USAGE);
            return 0;
        }
        if (options.version) {
            String version = MeshProxy.class.getPackage().getImplementationVersion();
            out.println("mesh-proxy " + (version == null ? "development" : version));
            return 0;
        }
        LogControl.set("", options.logLevel);
        var bootstraps = new ArrayList<BootstrapFile>();
        try {
            for (Path file : options.files) {
                bootstraps.add(options.override(BootstrapReader.read(file)));
            }
            if (options.yaml != null) {
                bootstraps.add(options.override(BootstrapReader.read("--config-yaml", options.yaml)));
            }
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            return 1;
        }
        if (options.validate) {
            return validate(bootstraps, options, out, err);
        }
        return serve(bootstraps, options, err);
    }

    private static int validate(List<BootstrapFile> bootstraps, Options options, PrintStream out, PrintStream err) {
        try (var loops = new Loops(1)) {
            for (int i = 0; i < bootstraps.size(); i++) {
                // Without ports to bind and servers to ask, starting is checking.
                BootstrapFile file = bootstraps.get(i);
                check(file);
                Bootstrap.Builder unbound =
                        file.bootstrap().toBuilder().clearAdmin().clearDynamicResources();
                for (var listener : unbound.getStaticResourcesBuilder().getListenersBuilderList()) {
                    listener.getAddressBuilder().getSocketAddressBuilder().setPortValue(0);
                }
                try (var proxy = new ProxyProcess(unbound.build(), loops)) {
                    start(proxy, file);
                }
                out.println("configuration '" + options.name(i) + "' OK");
            }
            return 0;
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            return 1;
        }
    }

    private static void check(BootstrapFile file) throws ConfigRejected {
        try {
            ProxyProcess.check(file.bootstrap());
        } catch (ConfigRejected e) {
            throw file.located(e);
        }
    }

    private static void start(ProxyProcess proxy, BootstrapFile file) throws ConfigRejected {
        try {
            proxy.start();
        } catch (ConfigRejected e) {
            throw file.located(e);
        }
    }

    private static int serve(List<BootstrapFile> bootstraps, Options options, PrintStream err) throws IOException {
        var loops = new Loops(options.concurrency);
        var proxies = new ArrayList<ProxyProcess>();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            proxies.forEach(ProxyProcess::drain);
            proxies.forEach(ProxyProcess::close);
            loops.close();
        }));
        try {
            for (BootstrapFile file : bootstraps) {
                var proxy = new ProxyProcess(file.bootstrap(), loops, ProxyProcess.Access.none(), options.drainTime);
                proxies.add(proxy);
                start(proxy, file);
            }
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            return 1;
        }
        if (options.adminAddressPath != null && !proxies.isEmpty()) {
            var address = proxies.getFirst().adminAddress();
            if (address != null) {
                Files.writeString(
                        options.adminAddressPath, address.getAddress().getHostAddress() + ":" + address.getPort());
            }
        }
        CompletableFuture.anyOf(proxies.stream().map(ProxyProcess::quit).toArray(CompletableFuture[]::new))
                .join();
        return 0;
    }

    /// The command line.
    private static final class Options {
        private final List<Path> files = new ArrayList<>();
        private @Nullable String yaml;
        private boolean validate;
        private boolean help;
        private boolean version;
        private int concurrency = Runtime.getRuntime().availableProcessors();
        private Duration drainTime = ProxyProcess.DRAIN_TIME;
        private String serviceNode = "";
        private String serviceCluster = "";
        private String logLevel = "info";
        private @Nullable Path adminAddressPath;

        private static Options parse(String[] args) throws ConfigRejected {
            var options = new Options();
            for (int i = 0; i < args.length; i++) {
                String name = args[i];
                String value = null;
                int equals = name.indexOf('=');
                if (name.startsWith("--") && equals > 0) {
                    value = name.substring(equals + 1);
                    name = name.substring(0, equals);
                }
                switch (name) {
                    case "--help", "-h" -> options.help = true;
                    case "--version" -> options.version = true;
                    default -> {
                        if (value == null) {
                            if (i + 1 >= args.length) {
                                throw new ConfigRejected(name + ": unknown, or its value is missing");
                            }
                            value = args[++i];
                        }
                        options.set(name, value);
                    }
                }
            }
            if (!options.help && !options.version && options.files.isEmpty() && options.yaml == null) {
                throw new ConfigRejected("-c or --config-yaml is needed");
            }
            return options;
        }

        private void set(String name, String value) throws ConfigRejected {
            switch (name) {
                case "-c", "--config-path" -> files.add(Path.of(value));
                case "--config-yaml" -> yaml = value;
                case "--mode" -> {
                    switch (value) {
                        case "serve" -> validate = false;
                        case "validate" -> validate = true;
                        default -> throw new ConfigRejected("--mode: \"" + value + "\" (expected: serve or validate)");
                    }
                }
                case "--concurrency" -> {
                    if (!value.matches("[1-9][0-9]{0,2}")) {
                        throw new ConfigRejected("--concurrency: \"" + value + "\" (expected: 1-999)");
                    }
                    concurrency = Integer.parseInt(value);
                }
                case "--drain-time-s" -> {
                    if (!value.matches("[0-9]{1,6}")) {
                        throw new ConfigRejected("--drain-time-s: \"" + value + "\" (expected: 0-999999)");
                    }
                    drainTime = Duration.ofSeconds(Long.parseLong(value));
                }
                case "--service-node" -> serviceNode = value;
                case "--service-cluster" -> serviceCluster = value;
                case "--log-level", "-l" -> logLevel = value;
                case "--admin-address-path" -> adminAddressPath = Path.of(value);
                default -> throw new ConfigRejected(name + ": unknown option");
            }
        }

        private BootstrapFile override(BootstrapFile file) {
            if (serviceNode.isEmpty() && serviceCluster.isEmpty()) {
                return file;
            }
            var changed = file.bootstrap().toBuilder();
            if (!serviceNode.isEmpty()) {
                changed.getNodeBuilder().setId(serviceNode);
            }
            if (!serviceCluster.isEmpty()) {
                changed.getNodeBuilder().setCluster(serviceCluster);
            }
            return file.with(changed.build());
        }

        private String name(int index) {
            return index < files.size() ? files.get(index).toString() : "--config-yaml";
        }
    }
}
