package dev.mesh.cli.command;

import dev.mesh.cli.client.Kubectl;
import dev.mesh.cli.client.PilotClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// Where the pilot is: at an address that is given, else of the local mesh if one is up, else in the cluster that
/// kubectl would ask.
final class PilotOptions {
    private static final int PORT = 15010;
    private static final String LOCAL = "127.0.0.1:" + PORT;
    private static final int PATIENCE_MILLIS = 1000;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--pilot",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:MESH_PILOT}",
            description = "The pilot's xDS port (default: MESH_PILOT, else " + LOCAL
                    + " if a mesh is up there, else that of the cluster).")
    private @Nullable String address;

    @Mixin
    private final ClusterOptions cluster = new ClusterOptions();

    PilotClient client() {
        return client(System.getenv());
    }

    PilotClient client(Map<String, String> environment) {
        if (address != null && !address.isEmpty()) {
            return PilotClient.at(address);
        }
        if (isClusterNamed() || (!isLocalMeshUp() && Kubectl.isSetUp(environment))) {
            return PilotClient.inCluster(Kubectl.find(environment, options()), cluster.meshNamespace, cluster.revision);
        }
        return PilotClient.at(LOCAL);
    }

    private boolean isClusterNamed() {
        var given = spec.commandLine().getParseResult();
        return List.of("--kubeconfig", "--context", "--mesh-namespace", "--revision").stream()
                .anyMatch(given::hasMatchedOption);
    }

    private static boolean isLocalMeshUp() {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", PORT), PATIENCE_MILLIS);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private List<String> options() {
        var options = new ArrayList<String>();
        ClusterOptions.add(options, "--kubeconfig", cluster.kubeconfig);
        ClusterOptions.add(options, "--context", cluster.context);
        return options;
    }
}
