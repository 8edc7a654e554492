package dev.mesh.cli.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// kubectl, run as a child process, so that a cluster is reached by whatever way a person's kubectl reaches it:
/// `MESH_KUBECTL`, or `kubectl` on the path.
///
/// @param program its path
/// @param options for every call, such as `--kubeconfig FILE`
public record Kubectl(Path program, List<String> options) {
    private static final Pattern FORWARDING = Pattern.compile("Forwarding from 127\\.0\\.0\\.1:(\\d+) -> .*");

    public Kubectl {
        options = List.copyOf(options);
    }

    /// Whether there is a cluster that a person may mean without naming it: kubectl is here, and a kubeconfig is where
    /// kubectl would look for one.
    public static boolean isSetUp(Map<String, String> environment) {
        String named = environment.getOrDefault("KUBECONFIG", "");
        boolean config = named.isEmpty()
                ? Files.exists(Path.of(environment.getOrDefault("HOME", ""), ".kube", "config"))
                : List.of(named.split(File.pathSeparator, -1)).stream()
                        .anyMatch(file -> !file.isEmpty() && Files.exists(Path.of(file)));
        return config && Programs.find("MESH_KUBECTL", "kubectl", environment).isPresent();
    }

    /// @throws Failure if there is none
    public static Kubectl find(Map<String, String> environment, List<String> options) {
        return new Kubectl(
                Programs.find("MESH_KUBECTL", "kubectl", environment)
                        .orElseThrow(() -> new Failure("kubectl is neither on the path nor named by MESH_KUBECTL: it is"
                                + " needed to reach a cluster (kubernetes.io/docs/tasks/tools)")),
                options);
    }

    /// One pod.
    ///
    /// @param running whether its containers were started; otherwise nothing listens in it
    /// @param why what the kubelet says of a container that does not run, such as `CrashLoopBackOff`; else empty
    public record Pod(String name, boolean ready, boolean running, String why) {}

    /// The pods with these labels, in the order of their names, but for those that are ending.
    ///
    /// @param labels as `kubectl -l` takes them
    /// @throws Failure with what kubectl said if it fails
    public List<Pod> pods(String namespace, String labels) {
        return readPods(
                output(List.of("get", "pods", "-n", namespace, "-l", labels, "--request-timeout=10s", "-o", "json")));
    }

    /// Pure.
    ///
    /// @param json a list of pods
    static List<Pod> readPods(String json) {
        try {
            var pods = new ArrayList<Pod>();
            for (JsonElement item :
                    JsonParser.parseString(json).getAsJsonObject().getAsJsonArray("items")) {
                JsonObject pod = item.getAsJsonObject();
                JsonObject metadata = pod.getAsJsonObject("metadata");
                if (!metadata.has("deletionTimestamp")) {
                    JsonObject status = pod.getAsJsonObject("status");
                    pods.add(new Pod(
                            metadata.get("name").getAsString(),
                            isReady(status),
                            status.has("phase")
                                    && status.get("phase").getAsString().equals("Running"),
                            why(status)));
                }
            }
            return pods.stream().sorted(Comparator.comparing(Pod::name)).toList();
        } catch (JsonParseException | IllegalStateException | ClassCastException e) {
            throw new Failure("kubectl get pods: its answer is not understood (" + e.getMessage() + ")");
        }
    }

    private static String why(JsonObject status) {
        if (status.get("containerStatuses") instanceof JsonArray containers) {
            for (JsonElement element : containers) {
                JsonObject container = element.getAsJsonObject();
                JsonObject waiting = container.getAsJsonObject("state").getAsJsonObject("waiting");
                if (waiting != null) {
                    String last = text(container, "lastState", "terminated", "message")
                            .strip();
                    String said =
                            last.isEmpty() ? text(waiting, "message") : last.substring(last.lastIndexOf('\n') + 1);
                    return text(waiting, "reason") + (said.isEmpty() ? "" : ": " + said);
                }
            }
        }
        return "";
    }

    private static String text(JsonObject object, String... path) {
        JsonElement at = object;
        for (String step : path) {
            at = at instanceof JsonObject here ? here.get(step) : null;
        }
        return at != null && at.isJsonPrimitive() ? at.getAsString() : "";
    }

    private static boolean isReady(JsonObject status) {
        return status.get("conditions") instanceof JsonArray conditions
                && conditions.asList().stream()
                        .map(JsonElement::getAsJsonObject)
                        .anyMatch(
                                condition -> condition.get("type").getAsString().equals("Ready")
                                        && condition.get("status").getAsString().equals("True"));
    }

    /// Opens a port of a pod on a free port of 127.0.0.1, until it is closed.
    ///
    /// @param port 1-65535
    /// @throws Failure with what kubectl said if nothing is forwarded
    public Forward forward(String namespace, String pod, int port) {
        var said = new StringBuilder();
        try {
            var process = new ProcessBuilder(
                            line(List.of("port-forward", "-n", namespace, "--address", "127.0.0.1", pod, ":" + port)))
                    .redirectErrorStream(true)
                    .start();
            // However this program ends, kubectl ends with it.
            Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
            process.getOutputStream().close();
            var output = process.inputReader();
            for (String line; (line = output.readLine()) != null; ) {
                Matcher forwarding = FORWARDING.matcher(line);
                if (forwarding.matches()) {
                    // What it says from now on is nobody's; but a full pipe would hold it up.
                    Thread.ofVirtual().start(() -> output.lines().forEach(_ -> {}));
                    return new Forward(process, Integer.parseInt(forwarding.group(1)));
                }
                said.append(line).append('\n');
            }
            process.destroy();
        } catch (IOException e) {
            throw new Failure(program + ": " + e.getMessage());
        }
        throw new Failure("kubectl port-forward " + pod + " -n " + namespace + ": "
                + said.toString().strip());
    }

    /// A port of 127.0.0.1 that leads to a pod.
    ///
    /// @param port 1-65535
    public record Forward(Process process, int port) implements AutoCloseable {
        @Override
        public void close() {
            process.destroy();
        }
    }

    private String output(List<String> arguments) {
        try {
            Path errors = Files.createTempFile("meshctl-kubectl", ".log");
            try {
                var process = new ProcessBuilder(line(arguments))
                        .redirectError(errors.toFile())
                        .start();
                process.getOutputStream().close();
                String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (process.waitFor() != 0) {
                    throw new Failure("kubectl " + arguments.getFirst() + ": "
                            + Files.readString(errors).strip());
                }
                return text;
            } finally {
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new Failure(program + ": " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while kubectl ran");
        }
    }

    private List<String> line(List<String> arguments) {
        var line = new ArrayList<String>();
        line.add(program.toString());
        line.addAll(options);
        line.addAll(arguments);
        return line;
    }
}
