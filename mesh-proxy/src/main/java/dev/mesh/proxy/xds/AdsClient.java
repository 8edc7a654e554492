package dev.mesh.proxy.xds;

import com.google.protobuf.Any;
import com.google.protobuf.Value;
import dev.mesh.api.xds.ClientFeatures;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Aggregated xDS, in either dialect. On the configuration thread but for gRPC's callbacks, which hand over to
/// it.
///
/// Each response is answered once: with an ACK, or a NACK that carries every reason. On a lost stream what is
/// running stays, and the next stream says which versions are there already.
///
/// ```
/// open ──first response──▶ connected
///   ▲                          │
///   └─pause (Reconnect)◀──lost─┘
/// ```
public final class AdsClient {
    private static final Logger LOGGER = LoggerFactory.getLogger(AdsClient.class);

    /// The two ways to speak xDS.
    public enum Dialect {
        /// `api_type: DELTA_GRPC`.
        DELTA,
        /// State of the world, `api_type: GRPC`.
        SOTW
    }

    /// What is done with resources.
    public interface Handler {
        /// @param body null for a resource that is only named: a virtual host known not to exist
        record Received(
                String name, String version, @Nullable Any body) {}

        /// @param complete whether `resources` is all there is of the type
        /// @param push the control plane's name for the push that this is part of; may be empty
        /// @return every reason to refuse a part
        List<String> onResources(
                XdsType type, List<Received> resources, List<String> removed, boolean complete, String push);

        /// Names wanted of a type that is asked for by name.
        Set<String> wanted(XdsType type);

        /// Whether virtual hosts are to be asked for.
        boolean wantsVirtualHosts();

        /// Whether the names of the mesh are to be asked for.
        boolean wantsNames();

        /// A push ended ([ClientFeatures#PUSH_COMMIT]).
        void onPushCommit(String push);

        /// A stream begins; what the control plane said on the one before does not bind it.
        void onStreamOpened();
    }

    /// What a stream tells; only the newest one is heard.
    final class Events {
        private boolean answered;

        /// Receives responses on gRPC's threads and hands them to `action` on the configuration thread.
        <T> StreamObserver<T> observer(Consumer<T> action) {
            return new StreamObserver<>() {
                @Override
                public void onNext(T response) {
                    hand(() -> {
                        if (!answered) {
                            answered = true;
                            line.answered();
                        }
                        connectedState.set(1);
                        problem = "";
                        action.accept(response);
                    });
                }

                @Override
                public void onError(Throwable problem) {
                    hand(() -> lost(ControlPlaneChannel.reason(problem)));
                }

                @Override
                public void onCompleted() {
                    hand(() -> lost("closed by the control plane"));
                }
            };
        }

        private void hand(Runnable action) {
            run(() -> {
                if (current == this && !stopped) {
                    action.run();
                }
            });
        }

        /// Does it later, if this stream is still the newest then.
        void later(Runnable action, long millis) {
            thread.schedule(
                    () -> {
                        if (current == this && !stopped) {
                            action.run();
                        }
                    },
                    millis,
                    TimeUnit.MILLISECONDS);
        }

        void rejected() {
            rejected.inc();
        }

        void unknownType(String url) {
            LOGGER.atWarn().addKeyValue("type", url).log("resources of an unknown type were sent");
        }
    }

    private final Channel channel;
    private final Dialect dialect;
    private final Node node;
    private final Handler handler;
    private final ScheduledExecutorService thread;
    private final Gauge connectedState;
    private final Counter rejected;
    private final Known known = new Known();
    private @Nullable Events current;
    private @Nullable AdsStream stream;
    private final Reconnect.Line line;
    private boolean wasLost;
    private boolean stopped;
    private volatile String problem = "the control plane was not asked yet";

    /// @param node as in the bootstrap; what this client can do is added here
    /// @param thread the configuration thread
    /// @param reconnect of all streams of the channel
    public AdsClient(
            Channel channel,
            Dialect dialect,
            Node node,
            Handler handler,
            ScheduledExecutorService thread,
            Reconnect reconnect,
            Scope stats) {
        this.channel = channel;
        line = reconnect.line(this::open);
        this.dialect = dialect;
        this.handler = handler;
        this.thread = thread;
        var announced = node.toBuilder().setUserAgentName("mesh-proxy");
        switch (dialect) {
            case DELTA ->
                announced
                        .addClientFeatures(ClientFeatures.PUSH_COMMIT)
                        .addClientFeatures(ClientFeatures.NAMES_APART)
                        .getMetadataBuilder()
                        .putFields(
                                ClientFeatures.VHDS_METADATA,
                                Value.newBuilder().setBoolValue(true).build());
            case SOTW -> announced.addClientFeatures("xds.config.resource-in-sotw");
        }
        this.node = announced.build();
        Scope scope = stats.child("control_plane");
        connectedState = scope.gauge("connected_state");
        rejected = scope.counter("update_rejected");
    }

    /// Opens the stream, and keeps one open until [#stop].
    public void start() {
        run(this::open);
    }

    /// Ends the stream for good.
    public void stop() {
        run(() -> {
            stopped = true;
            line.stop();
            AdsStream open = stream;
            stream = null;
            current = null;
            if (open != null) {
                open.close();
            }
        });
    }

    /// Why there is no stream that has brought something; empty if there is one. Any thread.
    public String problem() {
        return problem;
    }

    /// Tells the control plane what is wanted now that was not before, or no more.
    public void updateSubscriptions() {
        AdsStream open = stream;
        if (open != null) {
            open.updateSubscriptions();
        }
    }

    private void open() {
        if (stopped) {
            return;
        }
        handler.onStreamOpened();
        var events = new Events();
        current = events;
        if (problem.isEmpty() || !wasLost) {
            problem = "the control plane has not answered yet";
        }
        // The pauses are ours: gRPC's own grow to two minutes.
        if (channel instanceof ManagedChannel managed) {
            managed.resetConnectBackoff();
        }
        stream = switch (dialect) {
            case DELTA -> new DeltaStream(channel, node, handler, events, known);
            case SOTW -> new SotwStream(channel, node, handler, events, known);
        };
    }

    private void lost(String reason) {
        problem = "no stream to the control plane: " + reason;
        current = null;
        stream = null;
        connectedState.set(0);
        wasLost = true;
        long pause = line.lost();
        LOGGER.atWarn()
                .addKeyValue("reason", reason)
                .addKeyValue("retryMillis", pause)
                .log("xDS stream lost; what is running stays");
    }

    private void run(Runnable action) {
        try {
            thread.execute(action);
        } catch (RejectedExecutionException e) {
            LOGGER.atDebug().log("the proxy is closed; what the control plane says is not heard any more");
        }
    }
}
