package dev.mesh.proxy.hcm;

import com.google.protobuf.Any;
import dev.mesh.proxy.codec.Http1ServerCodec;
import dev.mesh.proxy.codec.Http2ServerCodec;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.filter.PerRouteConfigs;
import dev.mesh.proxy.http.Protocol;
import io.netty.channel.ChannelPipeline;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A bound connection manager: what all connections of one filter chain share.
final class ConnectionManager implements NetworkFilterFactory.Bound {
    private static final Logger LOGGER = LoggerFactory.getLogger(ConnectionManager.class);
    private static final String CODEC = "http";

    final Settings settings;
    final HcmStats stats;
    private final Map<Any, Object> perRoute = new ConcurrentHashMap<>();

    ConnectionManager(Settings settings, HcmStats stats) {
        this.settings = settings;
        this.stats = stats;
    }

    /// What the factory made of a per-route configuration; null if it cannot be used, which is logged once.
    @Nullable
    Object perRoute(HttpFilterFactory factory, Any config) {
        Object bound = perRoute.computeIfAbsent(config, any -> {
            try {
                return factory.bindPerRoute(PerRouteConfigs.unwrap(any));
            } catch (ConfigRejected e) {
                LOGGER.atError()
                        .addKeyValue("type", any.getTypeUrl())
                        .addKeyValue("reason", e.getMessage())
                        .log("per-route configuration cannot be used");
                return Refused.INSTANCE;
            }
        });
        return bound == Refused.INSTANCE ? null : bound;
    }

    private enum Refused {
        INSTANCE
    }

    @Override
    public void install(ChannelPipeline pipeline, DownstreamConnection connection) {
        stats.cxTotal.inc();
        stats.cxActive.inc();
        pipeline.channel().closeFuture().addListener(closed -> {
            stats.cxActive.dec();
            stats.cxDestroy.inc();
        });
        var http = new HttpConnection(this, connection, pipeline.channel());
        switch (settings.codec()) {
            case HTTP_1 -> http1(pipeline, http);
            case HTTP_2 -> http2(pipeline, http);
            case AUTO -> {
                switch (connection.negotiatedProtocol()) {
                    case "h2", "h2c" -> http2(pipeline, http);
                    case "http/1.1", "http/1.0" -> http1(pipeline, http);
                    default -> {
                        pipeline.addLast(new ProtocolDetector(this, http));
                        pipeline.read();
                    }
                }
            }
        }
    }

    /// Puts HTTP/1 at the end of the pipeline.
    void http1(ChannelPipeline pipeline, HttpConnection http) {
        stats.cxHttp1Total.inc();
        var codec = new Http1ServerCodec(
                settings.http1(), settings.timeouts().delayedClose().toMillis(), ctx -> http);
        pipeline.addLast(CODEC, codec);
        http.codec(
                new HttpConnection.Codec() {
                    @Override
                    public void drain() {
                        codec.drain();
                    }

                    @Override
                    public void refuseHead(int status, String body, String detail) {
                        codec.refuseHead(status, body, detail);
                    }
                },
                Protocol.HTTP_1_1);
    }

    /// Puts HTTP/2 at the end of the pipeline.
    void http2(ChannelPipeline pipeline, HttpConnection http) {
        stats.cxHttp2Total.inc();
        var codec = Http2ServerCodec.create(
                settings.http2(), settings.timeouts().drain().toMillis(), ctx -> http);
        pipeline.addLast(CODEC, codec);
        http.codec(codec::drain, Protocol.HTTP_2);
    }
}
