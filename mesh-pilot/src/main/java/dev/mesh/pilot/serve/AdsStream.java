package dev.mesh.pilot.serve;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.Generators;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushRequest;
import dev.mesh.pilot.push.PushTarget;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One proxy's stream.
final class AdsStream<Q, R> implements StreamObserver<Q>, PushTarget {
    private static final Logger LOGGER = LoggerFactory.getLogger(AdsStream.class);

    private final ClientSession<Q, R> session;
    private final Dialect<Q, R> dialect;
    private final ServerCallStreamObserver<R> responses;
    private final Generators generators;
    private final Supplier<@Nullable PushContext> newest;
    private final Executor executor;
    private final Semaphore generating;
    private final Set<AdsStream<?, ?>> streams;
    private final Supplier<PushObserver> observer;
    private final SecretAccess secrets;
    private final @Nullable Caller caller = Callers.current();
    private final Instant since = Instant.now();
    private final ArrayDeque<R> outgoing = new ArrayDeque<>();
    private String workload = "";
    private boolean asked; // by the stream's own calls alone, which come one after the other
    private String userAgent = "";
    private @Nullable ProxyNode node;
    private ProxyView view = ProxyView.EMPTY;
    private @Nullable PushRequest pending;
    private boolean running;
    private volatile boolean toldOfSecrets;
    private boolean over;

    /// @param generating bounds how many views are made at once
    /// @param streams where it takes itself out when it is over
    AdsStream(
            ClientSession<Q, R> session,
            Dialect<Q, R> dialect,
            ServerCallStreamObserver<R> responses,
            Generators generators,
            Supplier<@Nullable PushContext> newest,
            Executor executor,
            Semaphore generating,
            Set<AdsStream<?, ?>> streams,
            Supplier<PushObserver> observer,
            SecretAccess secrets) {
        this.session = session;
        this.dialect = dialect;
        this.responses = responses;
        this.generators = generators;
        this.newest = newest;
        this.executor = executor;
        this.generating = generating;
        this.streams = streams;
        this.observer = observer;
        this.secrets = secrets;
        responses.setOnReadyHandler(this::onReady);
        responses.setOnCancelHandler(this::end);
    }

    synchronized Optional<AdsService.Connected> connected() {
        return node == null
                ? Optional.empty()
                : Optional.of(new AdsService.Connected(node, workload, userAgent, since, view, session.states()));
    }

    /// Whether it is of one of these callers; who has proven nothing is none of them.
    boolean isOf(Predicate<Caller> whose) {
        return caller != null && whose.test(caller);
    }

    /// Its caller, if it has asked for a Secret.
    synchronized Optional<Caller> wantsSecrets() {
        return over || !session.names(XdsType.SECRET) ? Optional.empty() : Optional.ofNullable(caller);
    }

    private synchronized String nodeId() {
        return node == null ? "" : node.id();
    }

    @Override
    public void onNext(Q request) {
        PushContext newestNow = newest.get();
        if (!asked && newestNow != null && !newestNow.credentials().byName().isEmpty()) {
            asked = true;
            secrets.mayRead(caller); // may wait for the API server, which nobody should do with the lock: it remembers
        }
        synchronized (this) {
            if (over) {
                return;
            }
            if (node == null && !hello(request)) {
                return;
            }
            XdsType type = XdsType.ofTypeUrl(dialect.typeUrl(request));
            if (type == null) {
                dialect.unknown(request).ifPresent(outgoing::add);
            } else {
                String error = dialect.error(request);
                if (!error.isEmpty()) {
                    observer.get().rejected(type);
                    LOGGER.atError()
                            .addKeyValue("proxy", nodeId())
                            .addKeyValue("type", type.shortName())
                            .addKeyValue("reason", error)
                            .log("the proxy refused what it was sent");
                }
                outgoing.addAll(session.onRequest(type, request, view));
            }
            drain();
        }
    }

    private boolean hello(Q request) {
        PushContext context = newest.get();
        try {
            if (context == null) {
                over = true;
                responses.onError(Status.UNAVAILABLE
                        .withDescription("the configuration has not been read yet")
                        .asRuntimeException());
                return false;
            }
            Node written = dialect.node(request);
            ProxyNode said = NodeParser.parse(written);
            Callers.check(
                    caller, said.id(), said.namespace(), NodeParser.serviceAccount(written), said.addresses(), context);
            node = said;
            workload = NodeParser.workload(written);
            userAgent = written.getUserAgentName() + " " + version(written);
            view = generators.generate(context, withSecrets(context, node));
            LOGGER.atInfo()
                    .addKeyValue("proxy", nodeId())
                    .addKeyValue("resources", view.counts())
                    .log("connected");
            tell(List.of(), view);
            return true;
        } catch (StatusRuntimeException e) {
            over = true;
            streams.remove(this);
            LOGGER.atWarn().log("refused: {}", e.getStatus().getDescription());
            responses.onError(e);
            return false;
        } catch (IllegalArgumentException e) {
            over = true;
            streams.remove(this);
            responses.onError(
                    Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
            return false;
        }
    }

    private void tell(List<Finding> known, ProxyView now) {
        now.findings().stream()
                .filter(finding -> !known.contains(finding))
                .forEach(finding ->
                        LOGGER.atWarn().addKeyValue("proxy", nodeId()).log("{}", finding));
    }

    // What counts is what the caller has proven; who came by loopback has proven nothing, and is who he says.
    private ProxyNode withSecrets(PushContext context, ProxyNode who) {
        if (context.credentials().byName().isEmpty()) {
            return who;
        }
        if (secrets.mayRead(caller)) {
            toldOfSecrets = false;
            return who.mayReadSecretsOf(
                    caller == null ? who.namespace() : caller.identity().namespace());
        }
        if (who.type() == ProxyNode.Type.ROUTER && !toldOfSecrets) {
            toldOfSecrets = true;
            LOGGER.atWarn()
                    .addKeyValue("proxy", who.id())
                    .log(
                            "is given no Secrets: {} may not list secrets in its namespace (expected: a Role that lets it)",
                            caller == null ? "who comes by the loopback port" : caller.identity());
        }
        return who;
    }

    private static String version(Node node) {
        var version = node.getUserAgentBuildVersion().getVersion();
        return node.hasUserAgentBuildVersion()
                ? version.getMajorNumber() + "." + version.getMinorNumber() + "." + version.getPatch()
                : node.getUserAgentVersion();
    }

    @Override
    public void push(PushRequest request) {
        synchronized (this) {
            pending = pending == null ? request : pending.mergedWith(request);
            if (running || over || node == null || !responses.isReady()) {
                return;
            }
            running = true;
        }
        executor.execute(this::runPush);
    }

    private void runPush() {
        while (true) {
            PushRequest request;
            ProxyNode who;
            ProxyView before;
            synchronized (this) {
                request = pending;
                who = node;
                before = view;
                if (request == null || who == null || over || !responses.isReady()) {
                    running = false;
                    return;
                }
                pending = null;
            }
            // Before it takes a place among those that generate: this may ask over the network.
            ProxyNode entitled = withSecrets(request.context(), who);
            ProxyView next;
            generating.acquireUninterruptibly();
            try {
                next = request.isFullFor(who.addresses())
                        ? generators.generate(request.context(), entitled)
                        : generators.endpointsOnly(request.context(), entitled, before, request.services());
            } catch (RuntimeException e) {
                LOGGER.atError()
                        .addKeyValue("proxy", who.id())
                        .setCause(e)
                        .log("generating failed; the last view stays");
                continue;
            } finally {
                generating.release();
            }
            synchronized (this) {
                tell(view.findings(), next);
                view = next;
                outgoing.addAll(session.onPush(next));
                drain();
                observer.get().converged(Duration.ofNanos(System.nanoTime() - request.since()));
            }
        }
    }

    private void onReady() {
        boolean start;
        synchronized (this) {
            drain();
            start = pending != null && !running && !over && node != null;
            running |= start;
        }
        if (start) {
            executor.execute(this::runPush);
        }
    }

    private void drain() {
        while (!over && responses.isReady() && !outgoing.isEmpty()) {
            R response = outgoing.remove();
            XdsType type = XdsType.ofTypeUrl(dialect.typeOf(response));
            if (type != null) {
                observer.get().sent(type, dialect.size(response));
            }
            responses.onNext(response);
        }
    }

    @Override
    public void onError(Throwable problem) {
        end();
    }

    @Override
    public void onCompleted() {
        synchronized (this) {
            if (!over) {
                responses.onCompleted();
            }
        }
        end();
    }

    /// Ends it from this side.
    void end(Status why) {
        streams.remove(this);
        synchronized (this) {
            if (!over) {
                LOGGER.atWarn().addKeyValue("proxy", nodeId()).log("ended: {}", why.getDescription());
                over = true;
                responses.onError(why.asRuntimeException());
            }
        }
    }

    private void end() {
        streams.remove(this);
        synchronized (this) {
            if (node != null && !over) {
                LOGGER.atInfo().addKeyValue("proxy", nodeId()).log("disconnected");
            }
            over = true;
        }
    }
}
