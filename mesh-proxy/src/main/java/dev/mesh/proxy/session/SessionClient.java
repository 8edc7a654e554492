package dev.mesh.proxy.session;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.mesh.api.proto.v1.Answer;
import dev.mesh.api.proto.v1.AppliedReport;
import dev.mesh.api.proto.v1.Hello;
import dev.mesh.api.proto.v1.PilotMessage;
import dev.mesh.api.proto.v1.ProxyMessage;
import dev.mesh.api.proto.v1.ProxySessionGrpc;
import dev.mesh.api.proto.v1.Question;
import dev.mesh.api.proto.v1.ResourceName;
import dev.mesh.api.proto.v1.ResourceState;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.admin.AdminHandlers;
import dev.mesh.proxy.admin.LogControl;
import dev.mesh.proxy.load.Entry;
import dev.mesh.proxy.xds.Reconnect;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
import java.net.URI;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The proxy's end of `mesh.v1.ProxySession`. Everything happens on the configuration thread, but for answers, which
/// are made on the thread that the question came on.
///
/// A control plane that does not know the service is asked once and then left alone.
public final class SessionClient {
    private static final Logger LOGGER = LoggerFactory.getLogger(SessionClient.class);

    /// What the pilot hears.
    ///
    /// @param version of the program
    public record Self(String nodeId, String version, Instant started) {}

    private final Channel channel;
    private final Self self;
    private final ScheduledExecutorService thread;
    private final Supplier<List<Entry>> resources;
    private final Supplier<String> pushId;
    private final AdminHandlers handlers;
    private final Reconnect.Line line;
    private final Map<ResourceName, ResourceState> reported = new HashMap<>();
    private @Nullable StreamObserver<ProxyMessage> out;
    private String reportedPush = "";
    private boolean scheduled;
    private boolean stopped;
    private long streamId;

    /// @param thread the configuration thread
    /// @param resources everything that is known of every resource
    /// @param pushId the push that is in effect
    /// @param reconnect of all streams of the channel
    public SessionClient(
            Channel channel,
            Self self,
            ScheduledExecutorService thread,
            Supplier<List<Entry>> resources,
            Supplier<String> pushId,
            AdminHandlers handlers,
            Reconnect reconnect) {
        this.channel = channel;
        this.self = self;
        this.thread = thread;
        this.resources = resources;
        this.pushId = pushId;
        this.handlers = handlers;
        line = reconnect.line(this::open);
    }

    /// Opens the stream, and keeps one open until [#stop].
    public void start() {
        thread.execute(this::open);
    }

    /// Ends the stream for good.
    public void stop() {
        thread.execute(() -> {
            stopped = true;
            line.stop();
            if (out != null) {
                out.onCompleted();
                out = null;
            }
        });
    }

    /// Something may have taken effect: the pilot hears of it soon. Any thread.
    public void changed() {
        thread.execute(() -> {
            if (!scheduled && out != null) {
                scheduled = true;
                // What changes in one go is reported in one go: after the work that is queued now.
                thread.execute(this::report);
            }
        });
    }

    private void open() {
        if (stopped) {
            return;
        }
        reported.clear();
        reportedPush = "";
        var stream = ProxySessionGrpc.newStub(channel).withWaitForReady().open(new Questions(++streamId));
        out = stream;
        stream.onNext(ProxyMessage.newBuilder()
                .setHello(Hello.newBuilder()
                        .setNodeId(self.nodeId())
                        .setVersion(self.version())
                        .setStarted(timestamp(self.started())))
                .build());
        report();
    }

    private void report() {
        scheduled = false;
        var stream = out;
        if (stream == null) {
            return;
        }
        var report = AppliedReport.newBuilder().setPushId(pushId.get());
        var now = new LinkedHashMap<ResourceName, ResourceState>();
        for (Entry entry : resources.get()) {
            if (!entry.isStatic() && entry.type() != XdsType.PUSH_COMMIT) {
                ResourceState state = state(entry);
                now.put(state.getName(), state);
                if (!state.equals(reported.get(state.getName()))) {
                    report.addResources(state);
                }
            }
        }
        reported.keySet().stream().filter(name -> !now.containsKey(name)).forEach(report::addGone);
        if (report.getResourcesCount() > 0
                || report.getGoneCount() > 0
                || !report.getPushId().equals(reportedPush)) {
            reported.clear();
            reported.putAll(now);
            reportedPush = report.getPushId();
            stream.onNext(ProxyMessage.newBuilder().setApplied(report).build());
        }
    }

    private static ResourceState state(Entry entry) {
        var state = ResourceState.newBuilder()
                .setName(ResourceName.newBuilder()
                        .setTypeUrl(entry.type().typeUrl())
                        .setName(entry.name()))
                .setAcceptedVersion(entry.warmingVersion().isEmpty() ? entry.version() : entry.warmingVersion())
                .setAppliedVersion(entry.version())
                .setError(entry.error());
        if (entry.since() != null) {
            state.setInEffectSince(timestamp(entry.since()));
        }
        return state.build();
    }

    private static Timestamp timestamp(Instant at) {
        return Timestamp.newBuilder()
                .setSeconds(at.getEpochSecond())
                .setNanos(at.getNano())
                .build();
    }

    private void lost(long stream, Throwable why) {
        if (stream != streamId || stopped) {
            return;
        }
        out = null;
        if (Status.fromThrowable(why).getCode() == Status.Code.UNIMPLEMENTED) {
            LOGGER.atDebug().log("the control plane has no ProxySession");
            return;
        }
        line.lost();
    }

    private final class Questions implements ClientResponseObserver<ProxyMessage, PilotMessage> {
        private final long stream;
        private boolean connected;

        private Questions(long stream) {
            this.stream = stream;
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<ProxyMessage> requests) {
            requests.setOnReadyHandler(() -> thread.execute(this::ready));
        }

        private void ready() {
            if (!connected && stream == streamId) {
                connected = true;
                line.connected();
            }
        }

        @Override
        public void onNext(PilotMessage message) {
            if (message.hasQuestion()) {
                Answer answer = answer(message.getQuestion());
                thread.execute(() -> {
                    var to = out;
                    if (to != null && stream == streamId) {
                        line.answered();
                        to.onNext(ProxyMessage.newBuilder().setAnswer(answer).build());
                    }
                });
            }
        }

        @Override
        public void onError(Throwable problem) {
            thread.execute(() -> lost(stream, problem));
        }

        @Override
        public void onCompleted() {
            thread.execute(() -> lost(stream, Status.UNAVAILABLE.asRuntimeException()));
        }
    }

    private Answer answer(Question question) {
        var answer = Answer.newBuilder().setId(question.getId());
        try {
            AdminHandlers.Reply reply = switch (question.getQuestionCase()) {
                case EXPLAIN -> explain(question);
                case DUMP -> dump(question.getDump().getPath());
                case SET_LOG_LEVEL -> {
                    question.getSetLogLevel().getLevelsMap().forEach(LogControl::set);
                    yield new AdminHandlers.Reply(200, "application/json", "{}");
                }
                case QUESTION_NOT_SET ->
                    new AdminHandlers.Reply(400, "text/plain", "a question that this version does not know");
            };
            if (reply.status() == 200) {
                answer.setJson(ByteString.copyFromUtf8(reply.body()));
            } else {
                answer.setError(reply.body().strip());
            }
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("a question of the pilot could not be answered");
            answer.setError("the proxy failed to answer: " + e);
        }
        return answer.build();
    }

    private AdminHandlers.Reply explain(Question question) {
        var asked = question.getExplain();
        var query = new LinkedHashMap<String, String>();
        query.put("url", asked.getUrl());
        query.put("method", asked.getMethod());
        query.put("authority", asked.getAuthority());
        query.put("listener", asked.getListener());
        query.put("inbound", Boolean.toString(asked.getInbound()));
        query.put("source", asked.getSource());
        var headers = new StringBuilder();
        asked.getHeadersList()
                .forEach(header -> headers.append(header.getName())
                        .append(": ")
                        .append(header.getValue())
                        .append('\n'));
        query.put("headers", headers.toString());
        return handlers.handle("GET", "/explain", query);
    }

    private AdminHandlers.Reply dump(String path) {
        URI uri = URI.create(path);
        return handlers.handle("GET", uri.getPath(), AdminHandlers.query(uri));
    }
}
