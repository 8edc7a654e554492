package dev.mesh.cli.client;

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
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// The pilot, asked over its loopback port.
public final class PilotClient implements AutoCloseable {
    private static final long SECONDS = 10;

    private final String address;
    private final ManagedChannel channel;

    /// @param address `host:port`
    public PilotClient(String address) {
        this.address = address;
        if (!address.matches("(\\[[0-9a-fA-F:.]+]|[^:/\\s]+):[0-9]{1,5}")) {
            throw new Failure("--pilot: \"" + address + "\" (expected: host:port)");
        }
        channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .maxInboundMessageSize(256 << 20)
                .build();
    }

    public ListProxiesResponse proxies() {
        try (var _ = Progress.of("asking the pilot at " + address)) {
            return stub().listProxies(ListProxiesRequest.getDefaultInstance());
        } catch (StatusRuntimeException e) {
            throw failure(e);
        }
    }

    /// The proxy that a person means by `name`: a node id, `workload.namespace`, or a workload name that only
    /// one proxy has.
    public ProxyStatus find(String name) {
        List<ProxyStatus> all = proxies().getProxiesList();
        var found = all.stream()
                .filter(proxy -> NodeName.of(proxy.getNodeId()).isMeantBy(name))
                .toList();
        if (found.size() == 1) {
            return found.getFirst();
        }
        var known = all.stream()
                .map(proxy -> NodeName.of(proxy.getNodeId()).shortForm())
                .sorted()
                .toList();
        throw new Failure(
                found.isEmpty()
                        ? "no proxy \"" + name + "\" is connected to the pilot at " + address
                                + Suggestion.phrase(name, names(all)) + " (connected: "
                                + (known.isEmpty() ? "none" : String.join(", ", known)) + ")"
                        : "\"" + name + "\" could be " + found.size()
                                + " proxies: say workload.namespace or the node id ("
                                + String.join(", ", known) + ")");
    }

    private static List<String> names(List<ProxyStatus> all) {
        return all.stream()
                .map(proxy -> NodeName.of(proxy.getNodeId()))
                .flatMap(node -> Stream.of(node.workload(), node.shortForm()))
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
        try (var _ =
                Progress.of("asking " + NodeName.of(proxy.getNodeId()).shortForm() + " by the pilot at " + address)) {
            Answer answer = stub().ask(AskRequest.newBuilder()
                    .setNodeId(proxy.getNodeId())
                    .setQuestion(question)
                    .build());
            if (!answer.getError().isEmpty()) {
                throw new Failure(NodeName.of(proxy.getNodeId()).shortForm() + ": " + answer.getError());
            }
            return answer.getJson().toStringUtf8();
        } catch (StatusRuntimeException e) {
            throw failure(e);
        }
    }

    private MeshQueryGrpc.MeshQueryBlockingStub stub() {
        return MeshQueryGrpc.newBlockingStub(channel)
                .withMaxInboundMessageSize(256 << 20)
                .withDeadlineAfter(SECONDS, TimeUnit.SECONDS);
    }

    private Failure failure(StatusRuntimeException e) {
        String description = e.getStatus().getDescription();
        return switch (e.getStatus().getCode()) {
            case UNAVAILABLE ->
                new Failure("no pilot answers at " + address
                        + ": is the mesh up (meshctl up FOLDER), or is it elsewhere (--pilot host:port, MESH_PILOT)?");
            case DEADLINE_EXCEEDED ->
                new Failure("the pilot at " + address + " did not answer within " + SECONDS + " s");
            default ->
                new Failure("the pilot at " + address + " says "
                        + (description == null ? e.getStatus().getCode().toString() : description));
        };
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
