package dev.mesh.examples.shop;

import com.sun.net.httpserver.Headers;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/// The headers that a service hands on from what it is asked to what it asks, so that a mesh can join the calls
/// of one request and route by its user.
///
/// @param headers lower case
record Trace(SortedMap<String, String> headers) implements ClientInterceptor {
    static final Trace NONE = new Trace(new TreeMap<>());

    private static final List<String> NAMES = List.of(
            "x-request-id",
            "traceparent",
            "tracestate",
            "baggage",
            "b3",
            "x-b3-traceid",
            "x-b3-spanid",
            "x-b3-parentspanid",
            "x-b3-sampled",
            "x-b3-flags",
            "x-user");
    private static final Context.Key<Trace> CURRENT = Context.keyWithDefault("trace", NONE);

    static Trace of(Headers from) {
        var headers = new TreeMap<String, String>();
        for (String name : NAMES) {
            String value = from.getFirst(name);
            if (value != null) {
                headers.put(name, value);
            }
        }
        return new Trace(headers);
    }

    /// Of the gRPC call that this thread serves.
    static Trace current() {
        return CURRENT.get();
    }

    Trace withUser(String user) {
        var more = new TreeMap<>(headers);
        more.put("x-user", user);
        return new Trace(more);
    }

    String user() {
        return headers.getOrDefault("x-user", "");
    }

    void copyTo(BiConsumer<String, String> request) {
        headers.forEach(request);
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        return new ForwardingClientCall.SimpleForwardingClientCall<>(next.newCall(method, options)) {
            @Override
            public void start(Listener<R> listener, Metadata metadata) {
                headers.forEach((name, value) -> metadata.put(key(name), value));
                super.start(listener, metadata);
            }
        };
    }

    /// Makes [#current] of a gRPC server.
    static final class FromCalls implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata metadata, ServerCallHandler<Q, R> next) {
            var headers = new TreeMap<String, String>();
            for (String name : NAMES) {
                String value = metadata.get(key(name));
                if (value != null) {
                    headers.put(name, value);
                }
            }
            return Contexts.interceptCall(
                    Context.current().withValue(CURRENT, new Trace(headers)), call, metadata, next);
        }
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }
}
