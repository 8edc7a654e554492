package dev.mesh.cli.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.api.proto.v1.Answer;
import dev.mesh.api.proto.v1.AskRequest;
import dev.mesh.api.proto.v1.DumpRequest;
import dev.mesh.api.proto.v1.ListProxiesRequest;
import dev.mesh.api.proto.v1.ListProxiesResponse;
import dev.mesh.api.proto.v1.MeshQueryGrpc;
import dev.mesh.api.proto.v1.ProxyStatus;
import dev.mesh.api.proto.v1.Question;
import dev.mesh.api.read.Suggestion;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The pilot, asked over its loopback port. In a cluster it may have replicas, of which each knows the proxies that are
/// connected to it; they are asked together and answer as one.
public final class PilotClient implements AutoCloseable {
    private static final long SECONDS = 10;
    private static final int PORT = 15010;

    private static final int HTTP_PORT = 15014;

    private final List<Replica> replicas;
    private final List<String> unready;

    /// @param place what a person knows it by
    /// @param forward what is to be ended with the client; null: nothing
    private record Replica(String place, ManagedChannel channel, Kubectl.@Nullable Forward forward) {}

    private PilotClient(List<Replica> replicas, List<String> unready) {
        this.replicas = List.copyOf(replicas);
        this.unready = List.copyOf(unready);
    }

    /// A pilot whose plaintext port can be reached.
    ///
    /// @param address `host:port`
    /// @throws Failure if it is no address
    public static PilotClient at(String address) {
        if (!address.matches("(\\[[0-9a-fA-F:.]+]|[^:/\\s]+):[0-9]{1,5}")) {
            throw new Failure("--pilot: \"" + address + "\" (expected: host:port)");
        }
        return new PilotClient(List.of(new Replica("at " + address, channel(address), null)), List.of());
    }

    /// The pilot of a cluster: each of its pods, by a forwarded port, which takes the right to `pods/portforward` in
    /// its
    /// namespace.
    ///
    /// @throws Failure if there is none, or it cannot be reached
    public static PilotClient inCluster(Kubectl kubectl, String namespace, String revision) {
        var replicas = new ArrayList<Replica>();
        var unready = new ArrayList<String>();
        try (var _ = Progress.of("looking for the pilot in " + namespace)) {
            for (Kubectl.Pod pod : kubectl.pods(namespace, "app=mesh-pilot,istio.io/rev=" + revision)) {
                String place = pod.name() + " in " + namespace;
                if (!pod.ready()) {
                    unready.add("pilot " + place + " is not ready: " + why(kubectl, namespace, pod));
                    continue;
                }
                var forward = kubectl.forward(namespace, pod.name(), PORT);
                replicas.add(new Replica(place, channel("127.0.0.1:" + forward.port()), forward));
            }
        } catch (Failure e) {
            replicas.forEach(PilotClient::close);
            throw e;
        }
        if (replicas.isEmpty()) {
            throw new Failure(
                    unready.isEmpty()
                            ? "no pilot of revision " + revision + " runs in the namespace " + namespace
                                    + " of the cluster: is the mesh installed (meshctl install), or elsewhere"
                                    + " (--mesh-namespace, --revision, --context)?"
                            : String.join("\n", unready));
        }
        return new PilotClient(replicas, unready);
    }

    // What its probes tell; nobody but loopback may ask, hence by a forwarded port.
    private static String why(Kubectl kubectl, String namespace, Kubectl.Pod pod) {
        if (!pod.why().isEmpty() || !pod.running()) {
            return pod.why().isEmpty() ? "it has not been started yet (kubectl describe pod says why)" : pod.why();
        }
        try (var forward = kubectl.forward(namespace, pod.name(), HTTP_PORT);
                var http = HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .build()) {
            var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + forward.port() + "/health/readiness"))
                    .timeout(Duration.ofSeconds(SECONDS))
                    .build();
            String waitsFor = waitsFor(
                    http.send(request, HttpResponse.BodyHandlers.ofString()).body());
            if (!waitsFor.isEmpty()) {
                return "it waits for " + waitsFor;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException | Failure e) {
            return "its health cannot be asked (" + e.getMessage() + "); kubectl logs -n " + namespace + " "
                    + pod.name();
        }
        return "its log may say why: kubectl logs -n " + namespace + " " + pod.name();
    }

    /// What the pilot says that it waits for, of its readiness; empty if it does not. Pure.
    ///
    /// @param health JSON of Spring's health endpoint
    static String waitsFor(String health) {
        try {
            JsonElement at = JsonParser.parseString(health);
            for (String step : List.of("components", "pilot", "details", "waitsFor")) {
                at = at instanceof JsonObject here ? here.get(step) : null;
            }
            return at != null && at.isJsonPrimitive() ? at.getAsString() : "";
        } catch (JsonParseException e) {
            return "";
        }
    }

    private static ManagedChannel channel(String address) {
        return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .maxInboundMessageSize(256 << 20)
                .build();
    }

    /// All connected proxies. What has just moved from one replica to another may be there twice. Troubles name the
    /// replica whose they are, and which are not ready.
    public ListProxiesResponse proxies() {
        var all = ListProxiesResponse.newBuilder();
        for (Replica replica : replicas) {
            var answer = proxies(replica);
            all.setPilotVersion(answer.getPilotVersion()).addAllProxies(answer.getProxiesList());
            answer.getTroublesList().forEach(trouble -> all.addTroubles("pilot " + replica.place + ": " + trouble));
        }
        all.addAllTroubles(unready);
        return all.build();
    }

    private static ListProxiesResponse proxies(Replica replica) {
        try (var _ = Progress.of("asking the pilot " + replica.place)) {
            return stub(replica).listProxies(ListProxiesRequest.getDefaultInstance());
        } catch (StatusRuntimeException e) {
            throw failure(replica, e);
        }
    }

    /// The proxy that a person means by `name`: a node id, `workload.namespace` or a workload alone that no other
    /// namespace has. In a cluster also a pod's name, or `deployment/NAME` or just the name of what owns pods; of
    /// several pods of one owner it is the first.
    public ProxyStatus find(String name) {
        List<ProxyStatus> all = proxies().getProxiesList().stream()
                .sorted(Comparator.comparing(ProxyStatus::getNodeId))
                .toList();
        var found = all.stream()
                .filter(proxy -> NodeName.of(proxy.getNodeId()).isMeantBy(name))
                .toList();
        if (found.isEmpty()) {
            var pods = all.stream()
                    .filter(proxy -> NodeName.ofOwner(proxy).isMeantBy(name.substring(name.indexOf('/') + 1)))
                    .toList();
            // Replicas of one owner run one configuration.
            found = pods.stream().map(NodeName::ofOwner).distinct().count() == 1 ? pods.subList(0, 1) : pods;
        }
        if (found.size() == 1) {
            return found.getFirst();
        }
        var known = all.stream()
                .map(proxy -> NodeName.of(proxy.getNodeId()).shortForm())
                .sorted()
                .toList();
        throw new Failure(
                found.isEmpty()
                        ? "no proxy \"" + name + "\" is connected to the pilot " + places()
                                + Suggestion.phrase(name, names(all)) + " (connected: "
                                + (known.isEmpty() ? "none" : String.join(", ", known)) + ")"
                        : "\"" + name + "\" could be " + found.size()
                                + " proxies: say workload.namespace or the node id ("
                                + String.join(", ", known) + ")");
    }

    private String places() {
        return replicas.stream().map(Replica::place).collect(Collectors.joining(", "));
    }

    private static List<String> names(List<ProxyStatus> all) {
        return all.stream()
                .flatMap(proxy -> Stream.of(NodeName.of(proxy.getNodeId()), NodeName.ofOwner(proxy)))
                .flatMap(node -> Stream.of(node.workload(), node.shortForm()))
                .distinct()
                .toList();
    }

    /// What the proxy's admin endpoint answers for `path`, as JSON.
    public String dump(ProxyStatus proxy, String path) {
        return ask(proxy, Question.newBuilder().setDump(DumpRequest.newBuilder().setPath(path)));
    }

    /// @return the answer's JSON
    public String ask(ProxyStatus proxy, Question.Builder question) {
        if (!proxy.getHasSession()) {
            throw new Failure(
                    proxy.getNodeId()
                            + " answers no questions by the pilot (it is no mesh-proxy): ask its admin endpoint, --admin host:port");
        }
        Replica replica = replicas.size() == 1 ? replicas.getFirst() : replicaOf(proxy);
        try (var _ = Progress.of(
                "asking " + NodeName.of(proxy.getNodeId()).shortForm() + " by the pilot " + replica.place)) {
            Answer answer = stub(replica)
                    .ask(AskRequest.newBuilder()
                            .setNodeId(proxy.getNodeId())
                            .setQuestion(question)
                            .build());
            if (!answer.getError().isEmpty()) {
                throw new Failure(NodeName.of(proxy.getNodeId()).shortForm() + ": " + answer.getError());
            }
            return answer.getJson().toStringUtf8();
        } catch (StatusRuntimeException e) {
            throw failure(replica, e);
        }
    }

    /// The replica that a proxy is connected to.
    private Replica replicaOf(ProxyStatus proxy) {
        return replicas.stream()
                .filter(replica -> proxies(replica).getProxiesList().stream()
                        .anyMatch(other -> other.getNodeId().equals(proxy.getNodeId())))
                .findFirst()
                .orElseThrow(() -> new Failure(NodeName.of(proxy.getNodeId()).shortForm() + " has disconnected"));
    }

    private static MeshQueryGrpc.MeshQueryBlockingStub stub(Replica replica) {
        return MeshQueryGrpc.newBlockingStub(replica.channel)
                .withMaxInboundMessageSize(256 << 20)
                .withDeadlineAfter(SECONDS, TimeUnit.SECONDS);
    }

    private static Failure failure(Replica replica, StatusRuntimeException e) {
        String description = e.getStatus().getDescription();
        return switch (e.getStatus().getCode()) {
            case UNAVAILABLE ->
                new Failure("no pilot answers " + replica.place
                        + ": is the mesh up (meshctl up FOLDER), or is it elsewhere (--pilot host:port, MESH_PILOT;"
                        + " --context for a cluster)?");
            case DEADLINE_EXCEEDED ->
                new Failure("the pilot " + replica.place + " did not answer within " + SECONDS + " s");
            default ->
                new Failure("the pilot " + replica.place + " says "
                        + (description == null ? e.getStatus().getCode().toString() : description));
        };
    }

    @Override
    public void close() {
        replicas.forEach(PilotClient::close);
    }

    private static void close(Replica replica) {
        replica.channel.shutdownNow();
        if (replica.forward != null) {
            replica.forward.close();
        }
    }
}
