package dev.mesh.e2e;

import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/// A gRPC service of every streaming kind whose messages are text, so that tests need no generated code.
///
/// @param name what this instance says of itself
record TextService(String name, AtomicInteger calls, AtomicInteger cancelled) implements BindableService {
    /// Answers `name message`, with the caller's `x-user` in trailers.
    static final MethodDescriptor<String, String> ECHO = method("Echo", MethodType.UNARY);

    /// A number of messages, of this size: `count size`.
    static final MethodDescriptor<String, String> SPLIT = method("Split", MethodType.SERVER_STREAMING);

    /// How many messages there were, and how long they are together.
    static final MethodDescriptor<String, String> JOIN = method("Join", MethodType.CLIENT_STREAMING);

    /// Each message as it comes.
    static final MethodDescriptor<String, String> CHAT = method("Chat", MethodType.BIDI_STREAMING);

    /// Never answers.
    static final MethodDescriptor<String, String> HANG = method("Hang", MethodType.UNARY);

    /// How many calls their callers have cancelled.
    static final MethodDescriptor<String, String> CANCELLED = method("Cancelled", MethodType.UNARY);

    /// Fails with this status code, and this description: `CODE description`.
    static final MethodDescriptor<String, String> FAIL = method("Fail", MethodType.UNARY);

    /// Fails so many times with UNAVAILABLE, and then says which try it was: `try N`.
    static final MethodDescriptor<String, String> FAIL_FIRST = method("FailFirst", MethodType.UNARY);

    static final Metadata.Key<String> USER = Metadata.Key.of("x-user", Metadata.ASCII_STRING_MARSHALLER);
    static final Metadata.Key<String> TRAILER = Metadata.Key.of("x-asked-by", Metadata.ASCII_STRING_MARSHALLER);
    static final Metadata.Key<byte[]> BINARY = Metadata.Key.of("x-digest-bin", Metadata.BINARY_BYTE_MARSHALLER);

    private static final String SERVICE = "test.Text";

    TextService(String name) {
        this(name, new AtomicInteger(), new AtomicInteger());
    }

    private static MethodDescriptor<String, String> method(String name, MethodType type) {
        return MethodDescriptor.newBuilder(new Text(), new Text())
                .setType(type)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
                .build();
    }

    /// A message of another service, as bytes: one char each.
    static MethodDescriptor<String, String> foreign(String service, String method) {
        return MethodDescriptor.newBuilder(new Bytes(), new Bytes())
                .setType(MethodType.UNARY)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(service, method))
                .build();
    }

    @Override
    public ServerServiceDefinition bindService() {
        var service = ServerServiceDefinition.builder(SERVICE)
                .addMethod(ECHO, ServerCalls.asyncUnaryCall(this::echo))
                .addMethod(SPLIT, ServerCalls.asyncServerStreamingCall(TextService::split))
                .addMethod(JOIN, ServerCalls.asyncClientStreamingCall(Joining::new))
                .addMethod(CHAT, ServerCalls.asyncBidiStreamingCall(Chatting::new))
                .addMethod(HANG, ServerCalls.asyncUnaryCall(this::hang))
                .addMethod(CANCELLED, ServerCalls.asyncUnaryCall((ignored, out) -> answer(out, cancelled.toString())))
                .addMethod(FAIL_FIRST, ServerCalls.asyncUnaryCall(this::failFirst))
                .addMethod(FAIL, ServerCalls.asyncUnaryCall(TextService::fail))
                .build();
        return ServerInterceptors.intercept(service, new Trailers());
    }

    private void echo(String message, StreamObserver<String> out) {
        calls.incrementAndGet();
        answer(out, name + " " + message);
    }

    private static void split(String message, StreamObserver<String> out) {
        String[] parts = message.split(" ", 2);
        String one = "x".repeat(Integer.parseInt(parts[1]));
        for (int i = 0; i < Integer.parseInt(parts[0]); i++) {
            out.onNext(one);
        }
        out.onCompleted();
    }

    private void hang(String message, StreamObserver<String> out) {
        Context.current().addListener(context -> cancelled.incrementAndGet(), Runnable::run);
    }

    private static void fail(String message, StreamObserver<String> out) {
        String[] parts = message.split(" ", 2);
        out.onError(Status.Code.valueOf(parts[0])
                .toStatus()
                .withDescription(parts[1])
                .asRuntimeException());
    }

    private void failFirst(String times, StreamObserver<String> out) {
        int attempt = calls.incrementAndGet();
        if (attempt <= Integer.parseInt(times)) {
            out.onError(Status.UNAVAILABLE.asRuntimeException());
        } else {
            answer(out, "try " + attempt);
        }
    }

    private static void answer(StreamObserver<String> out, String message) {
        out.onNext(message);
        out.onCompleted();
    }

    private static final class Joining implements StreamObserver<String> {
        private final StreamObserver<String> out;
        private int messages;
        private long length;

        private Joining(StreamObserver<String> out) {
            this.out = out;
        }

        @Override
        public void onNext(String message) {
            messages++;
            length += message.length();
        }

        @Override
        public void onError(Throwable cancelled) {}

        @Override
        public void onCompleted() {
            answer(out, messages + " " + length);
        }
    }

    private static final class Chatting implements StreamObserver<String> {
        private final StreamObserver<String> out;

        private Chatting(StreamObserver<String> out) {
            this.out = out;
        }

        @Override
        public void onNext(String message) {
            out.onNext(message);
        }

        @Override
        public void onError(Throwable cancelled) {}

        @Override
        public void onCompleted() {
            out.onCompleted();
        }
    }

    /// Says in trailers who asked.
    private static final class Trailers implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            var answering = new io.grpc.ForwardingServerCall.SimpleForwardingServerCall<Q, R>(call) {
                @Override
                public void close(Status status, Metadata trailers) {
                    String user = headers.get(USER);
                    if (user != null) {
                        trailers.put(TRAILER, user);
                    }
                    byte[] digest = headers.get(BINARY);
                    if (digest != null) {
                        trailers.put(BINARY, digest);
                    }
                    super.close(status, trailers);
                }
            };
            return Contexts.interceptCall(Context.current(), answering, headers, next);
        }
    }

    private static final class Text implements MethodDescriptor.Marshaller<String> {
        @Override
        public InputStream stream(String value) {
            return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public String parse(InputStream stream) {
            return read(stream, StandardCharsets.UTF_8);
        }
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<String> {
        @Override
        public InputStream stream(String value) {
            return new ByteArrayInputStream(value.getBytes(StandardCharsets.ISO_8859_1));
        }

        @Override
        public String parse(InputStream stream) {
            return read(stream, StandardCharsets.ISO_8859_1);
        }
    }

    private static String read(InputStream stream, java.nio.charset.Charset charset) {
        try (stream) {
            return new String(stream.readAllBytes(), charset);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
