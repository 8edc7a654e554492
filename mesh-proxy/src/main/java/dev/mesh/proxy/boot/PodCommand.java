package dev.mesh.proxy.boot;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.admin.LogControl;
import dev.mesh.proxy.agent.PodReader;
import dev.mesh.proxy.agent.PodSettings;
import dev.mesh.proxy.filter.ConfigRejected;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `mesh-proxy proxy sidecar|router`: a proxy that learns from its pod who it is, with the flags of Istio's
/// `pilot-agent proxy`.
final class PodCommand {
    private static final Logger LOGGER = LoggerFactory.getLogger(PodCommand.class);
    private static final String USAGE = """
            usage: mesh-proxy proxy sidecar|router [options]
              --domain NAME               DNS domain of the pod's namespace (default: $POD_NAMESPACE.svc.cluster.local)
              --concurrency N             event loops; 0 = the number of processors
                                          (default: by PROXY_CONFIG, else by ISTIO_CPU_LIMIT, else 2)
              --serviceCluster NAME       node.cluster (default: by the pod's labels)
              --log-level LEVEL           trace, debug, info, warning, error, critical, off (default: info);
                                          --proxyLogLevel is the same
              --proxyComponentLogLevel NAME:LEVEL,...
              --log_output_level SCOPE:LEVEL,...
              --print-bootstrap           prints the Envoy bootstrap that the environment makes, and ends
              --help
            The rest comes from the environment and the files of the pod, with Istio's names: POD_NAME, POD_NAMESPACE,
            INSTANCE_IP, SERVICE_ACCOUNT, PROXY_CONFIG, CA_ADDR, TRUST_DOMAIN, ISTIO_META_*, ...
            """;

    /// What the command line says.
    ///
    /// @param levels by logger; `` = all
    private record Options(PodReader.Arguments arguments, Map<String, String> levels, boolean print, boolean help) {}

    private PodCommand() {}

    /// @param args after `proxy`
    /// @return the exit status
    static int run(
            List<String> args,
            Map<String, String> environment,
            PodReader.Source files,
            PrintStream out,
            PrintStream err) {
        PodSettings settings;
        Options options;
        try {
            options = parse(args);
            if (options.help) {
                out.print(USAGE);
                return 0;
            }
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            err.print(USAGE);
            return 2;
        }
        options.levels.forEach(LogControl::set);
        try {
            settings = PodReader.read(options.arguments, environment, files);
            ProxyProcess.check(settings.bootstrap(), PodProxy.offered(settings));
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            return 1;
        }
        if (options.print) {
            settings.remarks().forEach(remark -> err.println("mesh-proxy: " + remark));
            out.println(json(settings));
            return 0;
        }
        settings.remarks().forEach(remark -> LOGGER.atWarn().log("{}", remark));
        return serve(settings, err);
    }

    private static int serve(PodSettings settings, PrintStream err) {
        PodProxy proxy;
        var failed = new AtomicBoolean();
        try {
            proxy = new PodProxy(settings);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                if (failed.get()) {
                    proxy.close();
                } else {
                    proxy.end();
                    // An end that was asked for, by SIGTERM too, is no failure.
                    Runtime.getRuntime().halt(0);
                }
            }));
            proxy.start();
        } catch (ConfigRejected e) {
            failed.set(true);
            e.reasons().forEach(reason -> err.println("mesh-proxy: " + reason));
            return 1;
        }
        proxy.asked().join();
        return 0;
    }

    private static String json(PodSettings settings) {
        try {
            return JsonFormat.printer()
                    .usingTypeRegistry(EnvoyTypes.REGISTRY)
                    .preservingProtoFieldNames()
                    .print(settings.bootstrap());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("all its types are Envoy's", e);
        }
    }

    private static Options parse(List<String> args) throws ConfigRejected {
        String role = args.isEmpty() ? "" : args.getFirst();
        if (role.equals("--help") || role.equals("-h")) {
            return new Options(new PodReader.Arguments("", "", null, ""), Map.of(), false, true);
        }
        if (!role.equals("sidecar") && !role.equals("router")) {
            throw new ConfigRejected("proxy \"" + role + "\" (expected: sidecar or router)");
        }
        String domain = "";
        String cluster = "";
        @Nullable Integer concurrency = null;
        boolean print = false;
        boolean help = false;
        var levels = new LinkedHashMap<String, String>();
        for (int i = 1; i < args.size(); i++) {
            String name = args.get(i);
            if (name.equals("--print-bootstrap") || name.equals("--dry-run")) {
                print = true;
                continue;
            }
            if (name.equals("--help") || name.equals("-h")) {
                help = true;
                continue;
            }
            int equals = name.indexOf('=');
            String value;
            if (equals > 0) {
                value = name.substring(equals + 1);
                name = name.substring(0, equals);
            } else if (i + 1 < args.size()) {
                value = args.get(++i);
            } else {
                throw new ConfigRejected(name + ": unknown, or its value is missing");
            }
            switch (name) {
                case "--domain" -> domain = value;
                case "--serviceCluster" -> cluster = value;
                case "--concurrency" -> {
                    if (!value.matches("[0-9]{1,3}")) {
                        throw new ConfigRejected("--concurrency: \"" + value + "\" (expected: 0-999)");
                    }
                    concurrency = Integer.valueOf(value);
                }
                case "--log-level", "--proxyLogLevel" -> levels.put("", level(name, value));
                case "--proxyComponentLogLevel", "--log_output_level" -> levels(name, value, levels);
                default -> throw new ConfigRejected(name + ": unknown option");
            }
        }
        return new Options(new PodReader.Arguments(role, domain, concurrency, cluster), levels, print, help);
    }

    private static void levels(String option, String text, Map<String, String> levels) throws ConfigRejected {
        for (String one : text.split(",", -1)) {
            int colon = one.lastIndexOf(':');
            String scope = colon < 0 ? "" : one.substring(0, colon);
            // Istio's word for all that have no level of their own.
            levels.put(
                    scope.equals("default") || scope.equals("all") ? "" : scope,
                    level(option, one.substring(colon + 1)));
        }
    }

    private static String level(String option, String word) throws ConfigRejected {
        if (!LogControl.isLevel(word)) {
            throw new ConfigRejected(
                    option + ": \"" + word + "\" (expected: trace, debug, info, warning, error, critical or off)");
        }
        return word;
    }
}
