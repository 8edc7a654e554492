package dev.mesh.proxy.hcm;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import java.nio.charset.StandardCharsets;

/// What the proxy answers itself. A gRPC call gets its failure as gRPC says it: HTTP 200 with `grpc-status`
/// in the head (grpc/doc/http-grpc-status-mapping).
final class LocalReplies {
    static final String GRPC_DEADLINE_EXCEEDED = "4";

    private LocalReplies() {}

    static boolean isGrpc(RequestHead request) {
        String type = request.headers().get("content-type");
        return type != null
                && type.startsWith("application/grpc")
                && (type.length() == 16 || type.charAt(16) == '+' || type.charAt(16) == ';');
    }

    static ResponseHead head(boolean grpc, int status, String body, HeaderMap extra) {
        var headers = extra.copy();
        if (grpc) {
            headers.set("content-type", "application/grpc");
            if (!headers.contains("grpc-status")) {
                headers.set("grpc-status", Integer.toString(grpcStatus(status)));
            }
            if (!body.isEmpty()) {
                headers.set("grpc-message", percentEncoded(body));
            }
            return new ResponseHead(200, headers);
        }
        if (!body.isEmpty()) {
            headers.set("content-length", Integer.toString(body.getBytes(StandardCharsets.UTF_8).length));
            if (!headers.contains("content-type")) {
                headers.set("content-type", "text/plain");
            }
        }
        return new ResponseHead(status, headers);
    }

    static int grpcStatus(int http) {
        return switch (http) {
            case 400 -> 13;
            case 401 -> 16;
            case 403 -> 7;
            case 404 -> 12;
            case 429, 502, 503, 504 -> 14;
            default -> 2;
        };
    }

    private static String percentEncoded(String text) {
        var out = new StringBuilder(text.length());
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (b >= 0x20 && b < 0x7f && b != '%') {
                out.append((char) b);
            } else {
                out.append('%')
                        .append(Character.toUpperCase(Character.forDigit(b >> 4 & 15, 16)))
                        .append(Character.toUpperCase(Character.forDigit(b & 15, 16)));
            }
        }
        return out.toString();
    }
}
