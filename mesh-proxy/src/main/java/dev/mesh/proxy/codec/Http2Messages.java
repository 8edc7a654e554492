package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import org.jspecify.annotations.Nullable;

/// Header blocks of HTTP/2 ↔ heads. Netty has refused upper case, connection headers and misplaced pseudo
/// headers before.
final class Http2Messages {
    private Http2Messages() {}

    /// @return null if the block is no request (RFC 9113 8.3.1)
    static @Nullable RequestHead request(Http2Headers block) {
        CharSequence method = block.method();
        CharSequence path = block.path();
        CharSequence scheme = block.scheme();
        CharSequence authority = block.authority();
        if (method == null) {
            return null;
        }
        HeaderMap headers = fields(block);
        boolean connect = method.toString().equals("CONNECT");
        if (connect ? path != null || scheme != null || authority == null : path == null || scheme == null) {
            return null;
        }
        int hosts = headers.count("host");
        String host = hosts == 0 ? null : headers.get("host", 0);
        if (hosts > 1 || (host != null && authority != null && !host.contentEquals(authority))) {
            return null;
        }
        headers.remove("host");
        String name = authority != null ? authority.toString() : host == null ? "" : host;
        if (name.isEmpty()) {
            return null;
        }
        String target = path == null ? "" : path.toString();
        if (path != null && !target.startsWith("/") && !target.equals("*")) {
            return null;
        }
        for (int i = 0; i < target.length(); i++) {
            char c = target.charAt(i);
            if (c <= ' ' || c == 0x7f || c == '#') {
                return null;
            }
        }
        return new RequestHead(
                method.toString(), scheme == null ? "" : scheme.toString(), name, target, Protocol.HTTP_2, headers);
    }

    /// @return null if there is no proper `:status`
    static @Nullable ResponseHead response(Http2Headers block) {
        CharSequence status = block.status();
        if (status == null || status.length() != 3) {
            return null;
        }
        int code = 0;
        for (int i = 0; i < 3; i++) {
            int digit = status.charAt(i) - '0';
            if (digit < 0 || digit > 9) {
                return null;
            }
            code = code * 10 + digit;
        }
        return code < 100 || code > 599 || code == 101 ? null : new ResponseHead(code, fields(block));
    }

    /// Everything but pseudo headers; the crumbs of a cookie are put together again (RFC 9113 8.2.3).
    static HeaderMap fields(Http2Headers block) {
        var headers = new HeaderMap(block.size());
        StringBuilder cookie = null;
        for (var field : block) {
            CharSequence name = field.getKey();
            if (name.length() > 0 && name.charAt(0) == ':') {
                continue;
            }
            String text = name.toString();
            String value = field.getValue().toString();
            if (text.equals("cookie")) {
                if (cookie == null) {
                    cookie = new StringBuilder(value);
                } else {
                    cookie.append("; ").append(value);
                }
            } else {
                headers.add(text, value);
            }
        }
        if (cookie != null) {
            headers.add("cookie", cookie.toString());
        }
        return headers;
    }

    static Http2Headers block(RequestHead head) {
        var block = new DefaultHttp2Headers(false, head.headers().count() + 8);
        block.method(head.method());
        if (!head.method().equals("CONNECT")) {
            block.scheme(head.scheme().isEmpty() ? "http" : head.scheme());
            block.path(head.path().isEmpty() ? "/" : head.path());
        }
        block.authority(head.authority());
        return add(block, head.headers());
    }

    static Http2Headers block(ResponseHead head) {
        var block = new DefaultHttp2Headers(false, head.headers().count() + 4);
        block.status(Integer.toString(head.status()));
        return add(block, head.headers());
    }

    static Http2Headers block(HeaderMap fields) {
        return add(new DefaultHttp2Headers(false, fields.count() + 1), fields);
    }

    private static Http2Headers add(Http2Headers block, HeaderMap headers) {
        for (int i = 0; i < headers.count(); i++) {
            block.add(headers.name(i), headers.value(i));
        }
        return block;
    }
}
