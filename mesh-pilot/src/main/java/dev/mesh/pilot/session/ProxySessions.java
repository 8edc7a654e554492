package dev.mesh.pilot.session;

import com.google.protobuf.Timestamp;
import dev.mesh.api.proto.v1.Answer;
import dev.mesh.api.proto.v1.AppliedEvent;
import dev.mesh.api.proto.v1.AppliedReport;
import dev.mesh.api.proto.v1.Hello;
import dev.mesh.api.proto.v1.PilotMessage;
import dev.mesh.api.proto.v1.ProxyMessage;
import dev.mesh.api.proto.v1.ProxySessionGrpc;
import dev.mesh.api.proto.v1.Question;
import dev.mesh.api.proto.v1.ResourceName;
import dev.mesh.api.proto.v1.ResourceState;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.serve.Callers;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The open sessions, by node id; of two with one id the newer stands. Thread-safe.
public final class ProxySessions extends ProxySessionGrpc.ProxySessionImplBase {
    private static final Logger LOGGER = LoggerFactory.getLogger(ProxySessions.class);

    private final Supplier<@Nullable PushContext> newest;
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();
    private final Set<Consumer<AppliedEvent>> watchers = ConcurrentHashMap.newKeySet();
    private final AtomicLong questions = new AtomicLong();

    /// @param newest the newest snapshot, null before the first
    public ProxySessions(Supplier<@Nullable PushContext> newest) {
        this.newest = newest;
    }

    @Override
    public StreamObserver<ProxyMessage> open(StreamObserver<PilotMessage> out) {
        return new Session(out);
    }

    /// What one proxy said of itself.
    ///
    /// @param pushId that is in effect as a whole; empty before the first
    public record State(Hello hello, String pushId, Map<ResourceName, ResourceState> resources) {}

    /// What a proxy said, if it has a session.
    public Optional<State> state(String nodeId) {
        Session session = sessions.get(nodeId);
        return session == null ? Optional.empty() : session.state();
    }

    /// Asks a proxy.
    ///
    /// @return completes with its answer, or exceptionally with a gRPC status: NOT_FOUND if it has no session,
    ///     DEADLINE_EXCEEDED if it does not answer in time, UNAVAILABLE if its session ends
    public CompletableFuture<Answer> ask(String nodeId, Question question, Duration patience) {
        Session session = sessions.get(nodeId);
        if (session == null) {
            return CompletableFuture.failedFuture(Status.NOT_FOUND
                    .withDescription("no proxy \"" + nodeId + "\" has a session with this pilot")
                    .asRuntimeException());
        }
        return session.ask(question, patience);
    }

    /// Hears of every report from now on, on the reporting proxy's thread; must not block.
    ///
    /// @return ends it
    public Runnable watch(Consumer<AppliedEvent> watcher) {
        watchers.add(watcher);
        return () -> watchers.remove(watcher);
    }

    /// Ends the sessions of these callers. Must not be called while holding a lock that a session's end takes.
    public void end(Predicate<Caller> whose, Status why) {
        sessions.values().stream().filter(session -> session.isOf(whose)).forEach(session -> session.end(why));
    }

    private final class Session implements StreamObserver<ProxyMessage> {
        private final StreamObserver<PilotMessage> out;
        private final Map<String, CompletableFuture<Answer>> waiting = new ConcurrentHashMap<>();
        private final Map<ResourceName, ResourceState> resources = new ConcurrentHashMap<>();
        private final @Nullable Caller caller = Callers.current();
        private volatile boolean over;
        private volatile @Nullable Hello hello;
        private volatile String pushId = "";

        private Session(StreamObserver<PilotMessage> out) {
            this.out = out;
        }

        private boolean isOf(Predicate<Caller> whose) {
            return caller != null && whose.test(caller);
        }

        private void end(Status why) {
            synchronized (out) {
                if (over) {
                    return;
                }
                over = true;
                out.onError(why.asRuntimeException());
            }
            end();
        }

        private Optional<State> state() {
            Hello said = hello;
            return said == null ? Optional.empty() : Optional.of(new State(said, pushId, Map.copyOf(resources)));
        }

        private CompletableFuture<Answer> ask(Question question, Duration patience) {
            String id = Long.toString(questions.incrementAndGet());
            var answer = new CompletableFuture<Answer>();
            waiting.put(id, answer);
            synchronized (out) {
                if (!over) {
                    out.onNext(PilotMessage.newBuilder()
                            .setQuestion(question.toBuilder().setId(id))
                            .build());
                }
            }
            var late = new CompletableFuture<Answer>();
            late.completeOnTimeout(Answer.getDefaultInstance(), patience.toMillis(), TimeUnit.MILLISECONDS)
                    .thenRun(() -> answer.completeExceptionally(Status.DEADLINE_EXCEEDED
                            .withDescription("the proxy did not answer within " + patience.toSeconds() + " s")
                            .asRuntimeException()));
            return answer.whenComplete((ignored, failed) -> waiting.remove(id));
        }

        @Override
        public void onNext(ProxyMessage message) {
            if (over) {
                return;
            }
            switch (message.getMessageCase()) {
                case HELLO -> {
                    if (isRefused(message.getHello())) {
                        return;
                    }
                    hello = message.getHello();
                    sessions.put(message.getHello().getNodeId(), this);
                }
                case APPLIED -> applied(message.getApplied());
                case ANSWER -> {
                    var answer = waiting.get(message.getAnswer().getId());
                    if (answer != null) {
                        answer.complete(message.getAnswer());
                    }
                }
                case MESSAGE_NOT_SET -> {}
            }
        }

        // Refused: a session under the name of somebody else's proxy, and a second name.
        private boolean isRefused(Hello said) {
            try {
                if (hello != null) {
                    throw Status.INVALID_ARGUMENT
                            .withDescription("hello: said twice (expected: once, first)")
                            .asRuntimeException();
                }
                Caller proven = caller;
                String[] parts = said.getNodeId().split("~", -1);
                Callers.check(
                        proven,
                        said.getNodeId(),
                        proven == null ? "" : proven.identity().namespace(),
                        "",
                        parts.length == 4 ? List.of(parts[1]) : List.of(),
                        newest.get());
                return false;
            } catch (StatusRuntimeException e) {
                LOGGER.atWarn().log("refused: {}", e.getStatus().getDescription());
                synchronized (out) {
                    over = true;
                    out.onError(e);
                }
                end();
                return true;
            }
        }

        private void applied(AppliedReport report) {
            report.getResourcesList().forEach(state -> resources.put(state.getName(), state));
            report.getGoneList().forEach(resources::remove);
            pushId = report.getPushId();
            Hello said = hello;
            if (said != null && !watchers.isEmpty()) {
                Instant now = Instant.now();
                var event = AppliedEvent.newBuilder()
                        .setNodeId(said.getNodeId())
                        .setPushId(report.getPushId())
                        .setAt(Timestamp.newBuilder()
                                .setSeconds(now.getEpochSecond())
                                .setNanos(now.getNano()))
                        .addAllResources(report.getResourcesList())
                        .build();
                watchers.forEach(watcher -> watcher.accept(event));
            }
        }

        @Override
        public void onError(Throwable problem) {
            end();
        }

        @Override
        public void onCompleted() {
            synchronized (out) {
                if (over) {
                    return;
                }
                over = true;
                out.onCompleted();
            }
            end();
        }

        private void end() {
            Hello said = hello;
            if (said != null) {
                sessions.remove(said.getNodeId(), this);
            }
            waiting.values()
                    .forEach(answer -> answer.completeExceptionally(Status.UNAVAILABLE
                            .withDescription("the proxy's session ended")
                            .asRuntimeException()));
        }
    }
}
