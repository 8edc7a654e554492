package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.http.ServerConnectionListener;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.NullUnmarked;

/// An HTTP/1 server on an in-memory connection that answers every whole request with 200, and writes down what
/// it was told: requests, bodies put together, ends, resets.
@NullUnmarked
final class RecordedServer implements ServerConnectionListener {
    private final StringBuilder events = new StringBuilder();
    private final EmbeddedChannel channel;
    private final StringBuilder output = new StringBuilder();

    RecordedServer(Http1Limits limits) {
        channel = new EmbeddedChannel(new Http1ServerCodec(limits, 0, ctx -> this));
    }

    /// What was heard and what was written, once the pieces have come one by one.
    static String of(Http1Limits limits, byte[]... pieces) {
        var server = new RecordedServer(limits);
        for (byte[] piece : pieces) {
            if (server.channel.isOpen()) {
                server.channel.writeInbound(Unpooled.copiedBuffer(piece));
            }
            server.collect();
        }
        server.channel.runPendingTasks();
        server.collect();
        boolean open = server.channel.isOpen();
        server.channel.finishAndReleaseAll();
        return server.events + "----\n" + server.output + (open ? "open" : "closed");
    }

    private void collect() {
        ByteBuf written;
        while ((written = channel.readOutbound()) != null) {
            output.append(written.toString(StandardCharsets.ISO_8859_1));
            written.release();
        }
    }

    @Override
    public StreamListener onRequest(ServerStream stream, RequestHead head, boolean end) {
        events.append(head.method())
                .append(' ')
                .append(head.authority())
                .append(' ')
                .append(head.path())
                .append('\n')
                .append(head.headers());
        var exchange = new Exchange(stream);
        if (end) {
            exchange.answer();
        }
        return exchange;
    }

    @Override
    public void onProtocolError(Protocol protocol, int status, String detail) {
        events.append("error ").append(status).append(' ').append(detail).append('\n');
    }

    @Override
    public void onClosed() {}

    private final class Exchange implements StreamListener {
        private final ServerStream stream;
        private final StringBuilder body = new StringBuilder();

        private Exchange(ServerStream stream) {
            this.stream = stream;
        }

        private void answer() {
            events.append("end ").append(body).append('\n');
            stream.response(new ResponseHead(200, new HeaderMap()), true);
            stream.flush();
        }

        @Override
        public void onData(ByteBuf data, boolean end) {
            body.append(data.toString(StandardCharsets.ISO_8859_1));
            data.release();
            if (end) {
                answer();
            }
        }

        @Override
        public void onTrailers(HeaderMap trailers) {
            body.append(" trailers ").append(trailers.toString().strip());
            answer();
        }

        @Override
        public void onReset(ResetReason reason, String detail) {
            events.append("reset ").append(reason).append('\n');
        }

        @Override
        public void onWritable(boolean writable) {}
    }
}
