package dev.mesh.proxy.node;

import dev.mesh.proxy.admin.LogControl;
import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/// `mesh-proxy node-agent`.
public final class NodeAgentCommand {
    private NodeAgentCommand() {}

    /// Ends with the process, or when it cannot start.
    ///
    /// @param args what stands after the command
    /// @return the exit code
    public static int run(List<String> args, Map<String, String> environment, PrintStream out, PrintStream err) {
        NodeSettings settings;
        KubeApi api;
        try {
            settings = NodeSettings.parse(args, environment);
            if (settings.help()) {
                out.print(NodeSettings.USAGE);
                return 0;
            }
            if (!LogControl.isLevel(settings.logLevel())) {
                throw new ConfigRejected("--log-level: \"" + settings.logLevel()
                        + "\" (expected: trace, debug, info, warning, error, critical or off)");
            }
            LogControl.set("", settings.logLevel());
            if (settings.remove()) {
                HostFiles.of(settings).remove();
                return 0;
            }
            api = KubeApi.inCluster(environment);
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> err.println("mesh-proxy node-agent: " + reason));
            err.println("(mesh-proxy node-agent --help says what there is)");
            return 2;
        } catch (IOException e) {
            err.println("mesh-proxy node-agent: " + HostFiles.sentence(e));
            return 1;
        }
        var agent = new NodeAgent(settings, api);
        try {
            agent.start();
        } catch (IOException e) {
            err.println("mesh-proxy node-agent: " + e.getMessage());
            agent.close();
            return 1;
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            agent.close();
            // An end that was asked for is no failure.
            Runtime.getRuntime().halt(0);
        }));
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 0;
    }
}
