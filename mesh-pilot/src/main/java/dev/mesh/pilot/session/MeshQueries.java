package dev.mesh.pilot.session;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.mesh.api.proto.v1.Answer;
import dev.mesh.api.proto.v1.AppliedEvent;
import dev.mesh.api.proto.v1.AskRequest;
import dev.mesh.api.proto.v1.ListProxiesRequest;
import dev.mesh.api.proto.v1.ListProxiesResponse;
import dev.mesh.api.proto.v1.MeshQueryGrpc;
import dev.mesh.api.proto.v1.ProxyStatus;
import dev.mesh.api.proto.v1.TypeStatus;
import dev.mesh.api.proto.v1.WatchAppliedRequest;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.LeftOut;
import dev.mesh.pilot.serve.AdsService;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/// Answers people: which proxies there are, what they apply, and what a proxy itself says.
public final class MeshQueries extends MeshQueryGrpc.MeshQueryImplBase {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private final AdsService ads;
    private final ProxySessions sessions;
    private final Positions positions;
    private final Supplier<List<String>> troubles;

    /// Where a rule of an object stands: `file:line:column`, or empty.
    @FunctionalInterface
    public interface Positions {
        String of(String kind, String namespace, String name, String rule);
    }

    /// @param troubles what the pilot cannot do now, a sentence each
    public MeshQueries(AdsService ads, ProxySessions sessions, Positions positions, Supplier<List<String>> troubles) {
        this.ads = ads;
        this.sessions = sessions;
        this.positions = positions;
        this.troubles = troubles;
    }

    @Override
    public void listProxies(ListProxiesRequest request, StreamObserver<ListProxiesResponse> out) {
        String version = MeshQueries.class.getPackage().getImplementationVersion();
        var response = ListProxiesResponse.newBuilder().setPilotVersion(version == null ? "development" : version);
        for (var connected : ads.connected()) {
            response.addProxies(status(connected));
        }
        response.addAllTroubles(troubles.get());
        out.onNext(response.build());
        out.onCompleted();
    }

    private ProxyStatus status(AdsService.Connected connected) {
        String id = connected.node().id();
        var status = ProxyStatus.newBuilder()
                .setNodeId(id)
                .setCluster(connected.node().cluster())
                .setWorkloadName(connected.workload())
                .setProxyVersion(connected.userAgent())
                .setConnected(timestamp(connected.since()))
                .setPushIdSent(connected.view().pushId());
        sessions.state(id)
                .ifPresent(state -> status.setHasSession(true)
                        .setPushIdApplied(state.pushId())
                        .setProxyVersion("mesh-proxy " + state.hello().getVersion()));
        for (XdsType type : List.of(
                XdsType.CLUSTER,
                XdsType.ENDPOINT,
                XdsType.LISTENER,
                XdsType.ROUTE,
                XdsType.VIRTUAL_HOST,
                XdsType.SECRET,
                XdsType.NAME_TABLE)) {
            var state = connected.types().get(type);
            if (state != null) {
                status.addTypes(TypeStatus.newBuilder()
                        .setTypeUrl(type.typeUrl())
                        .setSubscribed(state.subscribed())
                        .setSentVersion(state.sent())
                        .setAckedVersion(state.acked())
                        .setLastError(state.error())
                        .setState(state.word()));
            }
        }
        return status.build();
    }

    private static Timestamp timestamp(Instant at) {
        return Timestamp.newBuilder()
                .setSeconds(at.getEpochSecond())
                .setNanos(at.getNano())
                .build();
    }

    @Override
    public void ask(AskRequest request, StreamObserver<Answer> out) {
        sessions.ask(request.getNodeId(), request.getQuestion(), PATIENCE).whenComplete((answer, failure) -> {
            if (failure == null) {
                out.onNext(request.getQuestion().hasExplain() ? completed(request.getNodeId(), answer) : answer);
                out.onCompleted();
            } else {
                Throwable why = failure instanceof CompletionException && failure.getCause() != null
                        ? failure.getCause()
                        : failure;
                out.onError(
                        why instanceof StatusRuntimeException
                                ? why
                                : Status.INTERNAL
                                        .withDescription(why.toString())
                                        .asRuntimeException());
            }
        });
    }

    // The proxy knows which object a rule came from; where that stands, and which rules it was not given, is known
    // here.
    private Answer completed(String nodeId, Answer answer) {
        if (answer.getJson().isEmpty()) {
            return answer;
        }
        try {
            JsonObject explanation =
                    JsonParser.parseString(answer.getJson().toStringUtf8()).getAsJsonObject();
            place(explanation);
            explanation.add("leftOut", leftOut(nodeId));
            return answer.toBuilder()
                    .setJson(ByteString.copyFromUtf8(GSON.toJson(explanation)))
                    .build();
        } catch (JsonSyntaxException | IllegalStateException e) {
            return answer; // a newer proxy's form: as it is
        }
    }

    private void place(JsonElement element) {
        if (element.isJsonArray()) {
            element.getAsJsonArray().forEach(this::place);
        } else if (element.isJsonObject()) {
            JsonObject object = element.getAsJsonObject();
            if (object.has("kind") && object.has("position")) {
                object.addProperty("position", position(object));
            }
            object.entrySet().forEach(entry -> place(entry.getValue()));
        }
    }

    private String position(JsonObject origin) {
        return positions.of(
                origin.get("kind").getAsString(),
                origin.get("namespace").getAsString(),
                origin.get("name").getAsString(),
                origin.get("rule").getAsString());
    }

    private JsonArray leftOut(String nodeId) {
        var rules = new JsonArray();
        ads.connected().stream()
                .filter(connected -> connected.node().id().equals(nodeId))
                .findFirst()
                .ifPresent(connected -> connected.view().leftOut().forEach(left -> rules.add(json(left))));
        return rules;
    }

    private JsonObject json(LeftOut left) {
        var origin = new JsonObject();
        origin.addProperty("kind", left.object().kind());
        origin.addProperty("namespace", left.object().namespace());
        origin.addProperty("name", left.object().name());
        origin.addProperty("rule", left.rule());
        origin.addProperty("position", "");
        origin.addProperty("position", position(origin));
        var object = new JsonObject();
        object.add("from", origin);
        object.addProperty("virtualHost", left.virtualHost());
        object.addProperty("why", left.why());
        return object;
    }

    @Override
    public void watchApplied(WatchAppliedRequest request, StreamObserver<AppliedEvent> out) {
        var stream = (ServerCallStreamObserver<AppliedEvent>) out;
        Runnable end = sessions.watch(event -> {
            synchronized (stream) {
                if (stream.isReady()) {
                    stream.onNext(event);
                }
            }
        });
        stream.setOnCancelHandler(end);
    }
}
