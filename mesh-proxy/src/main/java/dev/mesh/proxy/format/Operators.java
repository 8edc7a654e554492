package dev.mesh.proxy.format;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import java.net.InetAddress;
import java.net.SocketAddress;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// Envoy's command operators ("Access logging", "Command operators"), those that a stream here has data for.
final class Operators {
    private static final String HOSTNAME = hostname();
    private static final Map<String, Formats.Operator> PLAIN = new TreeMap<>();

    static {
        PLAIN.put("PROTOCOL", s -> s.protocol == null ? null : s.protocol.toString());
        PLAIN.put("UPSTREAM_PROTOCOL", s -> s.upstreamProtocol == null ? null : s.upstreamProtocol.toString());
        PLAIN.put("METHOD", s -> s.request == null ? null : s.request.method());
        PLAIN.put("RESPONSE_CODE", s -> Integer.toString(s.responseCode));
        PLAIN.put("RESPONSE_CODE_DETAILS", s -> orNull(s.responseCodeDetails.replace(' ', '_')));
        PLAIN.put("CONNECTION_TERMINATION_DETAILS", s -> orNull(s.connectionTerminationDetails));
        PLAIN.put("RESPONSE_FLAGS", s -> flags(s, ResponseFlag::shortName));
        PLAIN.put("RESPONSE_FLAGS_LONG", s -> flags(s, Operators::longName));
        PLAIN.put("BYTES_RECEIVED", s -> Long.toString(s.bytesReceived));
        PLAIN.put("BYTES_SENT", s -> Long.toString(s.bytesSent));
        PLAIN.put("DURATION", millis(s -> s.endNanos));
        PLAIN.put("REQUEST_DURATION", millis(s -> s.requestEndNanos));
        PLAIN.put("REQUEST_TX_DURATION", millis(s -> s.upstreamRequestEndNanos));
        PLAIN.put("RESPONSE_DURATION", millis(s -> s.upstreamResponseStartNanos));
        PLAIN.put(
                "RESPONSE_TX_DURATION",
                s -> s.endNanos == 0 || s.upstreamResponseStartNanos == 0
                        ? null
                        : Long.toString((s.endNanos - s.upstreamResponseStartNanos) / 1_000_000));
        PLAIN.put("UPSTREAM_HOST", s -> address(s.upstreamHost));
        PLAIN.put(
                "UPSTREAM_HOST_NAME", s -> s.upstreamHostname.isEmpty() ? address(s.upstreamHost) : s.upstreamHostname);
        PLAIN.put("UPSTREAM_CLUSTER", s -> s.upstreamCluster);
        PLAIN.put("UPSTREAM_CLUSTER_RAW", s -> s.upstreamCluster);
        PLAIN.put("UPSTREAM_LOCAL_ADDRESS", s -> address(s.upstreamLocalAddress));
        PLAIN.put("UPSTREAM_REMOTE_ADDRESS", s -> address(s.upstreamHost));
        PLAIN.put("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", s -> ip(s.upstreamHost));
        PLAIN.put("UPSTREAM_REQUEST_ATTEMPT_COUNT", s -> Integer.toString(s.upstreamAttempts));
        PLAIN.put("UPSTREAM_TRANSPORT_FAILURE_REASON", s -> orNull(s.upstreamTransportFailureReason));
        PLAIN.put(
                "DOWNSTREAM_REMOTE_ADDRESS",
                s -> s.connection.sourceAddress().getHostAddress() + ":" + s.connection.sourcePort());
        PLAIN.put(
                "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
                s -> s.connection.sourceAddress().getHostAddress());
        PLAIN.put("DOWNSTREAM_REMOTE_PORT", s -> Integer.toString(s.connection.sourcePort()));
        PLAIN.put(
                "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
                s -> s.connection.directSourceAddress().getHostAddress() + ":" + s.connection.sourcePort());
        PLAIN.put(
                "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
                s -> s.connection.directSourceAddress().getHostAddress());
        PLAIN.put(
                "DOWNSTREAM_LOCAL_ADDRESS",
                s -> s.connection.destinationAddress().getHostAddress() + ":" + s.connection.destinationPort());
        PLAIN.put(
                "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
                s -> s.connection.destinationAddress().getHostAddress());
        PLAIN.put("DOWNSTREAM_LOCAL_PORT", s -> Integer.toString(s.connection.destinationPort()));
        PLAIN.put("DOWNSTREAM_PEER_URI_SAN", s -> s.connection.peerPrincipal());
        PLAIN.put("REQUESTED_SERVER_NAME", s -> orNull(s.connection.serverName()));
        PLAIN.put("ROUTE_NAME", s -> s.route == null ? null : orNull(s.route.name()));
        PLAIN.put("VIRTUAL_HOST", s -> s.virtualHost == null ? null : s.virtualHost.name());
        PLAIN.put("FILTER_CHAIN_NAME", s -> orNull(s.filterChainName));
        PLAIN.put("CONNECTION_ID", s -> Long.toString(s.connectionId));
        PLAIN.put("STREAM_ID", s -> Long.toString(s.streamId));
        PLAIN.put("LOCAL_REPLY_BODY", s -> s.localReplyBody);
        PLAIN.put("GRPC_STATUS", s -> grpcStatus(s, true));
        PLAIN.put("GRPC_STATUS_NUMBER", s -> grpcStatus(s, false));
        PLAIN.put("HOSTNAME", s -> HOSTNAME);
        PLAIN.put("START_TIME", s -> Instant.ofEpochMilli(s.startEpochMillis).toString());
    }

    private static final String[] GRPC = {
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated"
    };

    private Operators() {}

    static Formats.Operator compile(String operator, int position) throws ConfigRejected {
        String name = operator;
        int limit = -1;
        int close = operator.lastIndexOf(')');
        int colon = operator.lastIndexOf(':');
        if (colon > close && colon > 0) {
            try {
                limit = Integer.parseInt(operator.substring(colon + 1));
            } catch (NumberFormatException e) {
                throw new ConfigRejected("format: %" + operator + "% at position " + position + " has the length \""
                        + operator.substring(colon + 1) + "\" (expected: a number)");
            }
            name = operator.substring(0, colon);
        }
        String argument = null;
        int open = name.indexOf('(');
        if (open >= 0) {
            if (!name.endsWith(")")) {
                throw new ConfigRejected("format: %" + operator + "% at position " + position + " has no closing )");
            }
            argument = name.substring(open + 1, name.length() - 1);
            name = name.substring(0, open);
        }
        Formats.Operator compiled = argument == null ? PLAIN.get(name) : withArgument(name, argument);
        if (compiled == null) {
            throw new ConfigRejected("format: %" + operator + "% at position " + position
                    + " is not known (known: REQ, RESP, TRAILER, START_TIME, ENVIRONMENT, "
                    + String.join(", ", PLAIN.keySet())
                    + ")");
        }
        return limit < 0 ? compiled : new Limited(compiled, limit);
    }

    private record Limited(Formats.Operator operator, int limit) implements Formats.Operator {
        @Override
        public @Nullable String value(StreamInfo stream) {
            String value = operator.value(stream);
            return value == null || value.length() <= limit ? value : value.substring(0, limit);
        }
    }

    private static Formats.@Nullable Operator withArgument(String name, String argument) {
        return switch (name) {
            case "REQ", "REQUEST_HEADER" -> {
                String[] names = alternatives(argument);
                yield s -> s.request == null ? null : first(names, header -> requestHeader(s, header));
            }
            case "REQ_WITHOUT_QUERY" -> {
                String[] names = alternatives(argument);
                yield s -> s.request == null ? null : withoutQuery(first(names, header -> requestHeader(s, header)));
            }
            case "RESP", "RESPONSE_HEADER" -> {
                String[] names = alternatives(argument);
                yield s -> first(names, header -> responseHeader(s, header));
            }
            case "TRAILER", "RESPONSE_TRAILER" -> {
                String[] names = alternatives(argument);
                yield s -> s.responseTrailers == null ? null : first(names, s.responseTrailers::joined);
            }
            case "START_TIME" -> {
                TimeFormat time = TimeFormat.of(argument);
                yield s -> time.format(s.startEpochMillis);
            }
            case "ENVIRONMENT" -> {
                String value = System.getenv(argument);
                yield s -> value;
            }
            case "RESPONSE_CODE_DETAILS" -> s -> orNull(s.responseCodeDetails);
            case "GRPC_STATUS" -> {
                boolean number = argument.equals("NUMBER");
                yield s -> grpcStatus(s, !number);
            }
            case "REQUESTED_SERVER_NAME" -> PLAIN.get("REQUESTED_SERVER_NAME");
            default -> null;
        };
    }

    private static String[] alternatives(String argument) {
        return argument.toLowerCase(Locale.ROOT).split("\\?", 2);
    }

    private static @Nullable String first(String[] names, Function<String, @Nullable String> lookup) {
        for (String name : names) {
            String value = lookup.apply(name);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    private static @Nullable String requestHeader(StreamInfo stream, String name) {
        RequestHead request = stream.request;
        if (request == null) {
            return null;
        }
        return switch (name) {
            case ":method" -> request.method();
            case ":path" -> request.path();
            case ":authority", "host" -> request.authority();
            case ":scheme" -> request.scheme();
            case "x-envoy-original-path" ->
                stream.originalPath == null ? headers(request).get(name) : stream.originalPath;
            default -> headers(request).get(name);
        };
    }

    private static @Nullable String responseHeader(StreamInfo stream, String name) {
        ResponseHead response = stream.response;
        if (response == null) {
            return null;
        }
        return name.equals(":status")
                ? Integer.toString(stream.responseCode)
                : response.headers().get(name);
    }

    private static HeaderMap headers(RequestHead request) {
        return request.headers();
    }

    private static @Nullable String withoutQuery(@Nullable String path) {
        int query = path == null ? -1 : path.indexOf('?');
        return path == null || query < 0 ? path : path.substring(0, query);
    }

    private static Formats.Operator millis(ToLongFunction<StreamInfo> point) {
        return s -> {
            long at = point.applyAsLong(s);
            return at == 0 ? null : Long.toString((at - s.startNanos) / 1_000_000);
        };
    }

    private static @Nullable String flags(StreamInfo stream, Function<ResponseFlag, String> name) {
        if (stream.responseFlags == 0) {
            return null;
        }
        var text = new StringBuilder();
        for (ResponseFlag flag : ResponseFlag.values()) {
            if (stream.has(flag)) {
                text.append(text.isEmpty() ? "" : ",").append(name.apply(flag));
            }
        }
        return text.toString();
    }

    private static String longName(ResponseFlag flag) {
        var text = new StringBuilder();
        for (String word : flag.name().split("_", -1)) {
            text.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
        }
        return text.toString();
    }

    private static @Nullable String grpcStatus(StreamInfo stream, boolean asName) {
        String code = null;
        if (stream.responseTrailers != null) {
            code = stream.responseTrailers.get("grpc-status");
        }
        if (code == null && stream.response != null) {
            code = stream.response.headers().get("grpc-status");
        }
        if (code == null || !asName) {
            return code;
        }
        if (!code.matches("[0-9]{1,2}")) {
            return code;
        }
        int number = Integer.parseInt(code);
        return number < GRPC.length ? GRPC[number] : code;
    }

    private static @Nullable String address(@Nullable SocketAddress address) {
        return address == null ? null : Addresses.text(address);
    }

    private static @Nullable String ip(@Nullable SocketAddress address) {
        return address == null ? null : Addresses.host(address);
    }

    private static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static String hostname() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (java.net.UnknownHostException e) {
            return "-";
        }
    }
}
