package dev.mesh.proxy.hcm;

import com.google.protobuf.Any;
import dev.mesh.proxy.codec.Http1ServerCodec;
import dev.mesh.proxy.codec.Http2ServerCodec;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A bound connection manager: what all connections of one filter chain share.
final class ConnectionManager implements NetworkFilterFactory.Bound {
    private static final Logger LOGGER = LoggerFactory.getLogger(ConnectionManager.class);
    // RFC 9113 3.4; the first bytes are enough, since no method of HTTP/1 begins so.
    private static final byte[] PREFACE = "PRI * HTTP/2.0".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

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
                return factory.bindPerRoute(any);
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
        switch (settings.codec()) {
            case HTTP_1 -> http1(pipeline, connection);
            case HTTP_2 -> http2(pipeline, connection);
            case AUTO -> {
                switch (connection.negotiatedProtocol()) {
                    case "h2", "h2c" -> http2(pipeline, connection);
                    case "http/1.1", "http/1.0" -> http1(pipeline, connection);
                    default -> {
                        pipeline.addLast(new Detector(connection));
                        pipeline.read();
                    }
                }
            }
        }
    }

    private void http1(ChannelPipeline pipeline, DownstreamConnection connection) {
        stats.cxHttp1Total.inc();
        boolean secure = connection.view().transportProtocol().equals("tls");
        var http = new HttpConnection(this, connection, pipeline.channel());
        var codec = new Http1ServerCodec(settings.http1(), secure, ctx -> http);
        http.drainer(codec::drain);
        pipeline.addLast("http", codec);
    }

    private void http2(ChannelPipeline pipeline, DownstreamConnection connection) {
        stats.cxHttp2Total.inc();
        var http = new HttpConnection(this, connection, pipeline.channel());
        var codec = Http2ServerCodec.create(settings.http2(), ctx -> http);
        long drainMillis = settings.drainTimeout().toMillis();
        http.drainer(() -> codec.drain(drainMillis));
        pipeline.addLast("http", codec);
    }

    /// Tells HTTP/2 by prior knowledge from HTTP/1 by the first bytes, which it hands on.
    private final class Detector extends ChannelInboundHandlerAdapter {
        private final DownstreamConnection connection;
        private @Nullable ByteBuf seen;

        private Detector(DownstreamConnection connection) {
            this.connection = connection;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ByteBuf in = (ByteBuf) message;
            ByteBuf all = seen == null
                    ? in
                    : ctx.alloc().compositeBuffer(4).addComponent(true, seen).addComponent(true, in);
            seen = all;
            int known = Math.min(all.readableBytes(), PREFACE.length);
            boolean same = true;
            for (int i = 0; i < known && same; i++) {
                same = all.getByte(all.readerIndex() + i) == PREFACE[i];
            }
            if (same && known < PREFACE.length) {
                return;
            }
            seen = null;
            if (same) {
                http2(ctx.pipeline(), connection);
            } else {
                http1(ctx.pipeline(), connection);
            }
            ctx.fireChannelRead(all);
            ctx.pipeline().remove(this);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (ctx.isRemoved()) {
                return;
            }
            if (seen != null || ctx.pipeline().get("http") == null) {
                ctx.read();
            }
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            if (seen != null) {
                seen.release();
                seen = null;
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            if (seen != null) {
                seen.release();
                seen = null;
            }
            ctx.fireChannelInactive();
        }
    }
}
