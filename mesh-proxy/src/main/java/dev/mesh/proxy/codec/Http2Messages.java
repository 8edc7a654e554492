package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Header blocks of HTTP/2 ↔ heads. Netty has refused upper case, connection headers and misplaced pseudo
/// headers before.
final class Http2Messages {
    private Http2Messages() {}

    /// @param allowConnect whether extended CONNECT (RFC 8441) may come; it is handed on as HTTP/1 says it, a GET
    ///     that wants to upgrade
    /// @return null if the block is no request (RFC 9113 8.3.1)
    static @Nullable RequestHead request(Http2Headers block, boolean allowConnect) {
        CharSequence method = block.method();
        CharSequence path = block.path();
        CharSequence scheme = block.scheme();
        CharSequence authority = block.authority();
        CharSequence protocol = block.get(Http2Headers.PseudoHeaderName.PROTOCOL.value());
        HeaderMap headers = fields(block);
        if (method == null || headers == null || !isToken(method)) {
            return null;
        }
        boolean connect = method.toString().equals("CONNECT");
        boolean extended = connect && protocol != null && allowConnect;
        if (protocol != null && (!extended || !isToken(protocol))) {
            return null;
        }
        if (connect && !extended
                ? path != null || scheme != null || authority == null
                : path == null || scheme == null || !isToken(scheme)) {
            return null;
        }
        int hosts = headers.count("host");
        String host = hosts == 0 ? null : headers.get("host", 0);
        if (hosts > 1 || (host != null && authority != null && !host.contentEquals(authority))) {
            return null;
        }
        headers.remove("host");
        String name = authority != null ? authority.toString() : host == null ? "" : host;
        String target = path == null ? "" : path.toString();
        if ((path != null && !target.startsWith("/") && !target.equals("*"))
                || !isVisible(target, "")
                || !isVisible(name, ",/?#@")) {
            return null;
        }
        var head = new RequestHead(
                extended ? "GET" : method.toString(),
                scheme == null ? "" : scheme.toString(),
                name,
                target,
                Protocol.HTTP_2,
                headers);
        if (extended) {
            head.upgrade(protocol.toString().toLowerCase(Locale.ROOT));
        }
        return head;
    }

    private static boolean isVisible(String text, String butNot) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c <= ' ' || c == 0x7f || butNot.indexOf(c) >= 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean isToken(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            if (!HeadParser.isTokenChar(text.charAt(i))) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    /// @return null if there is no proper `:status`, or the fields are not
    static @Nullable ResponseHead response(Http2Headers block) {
        CharSequence status = block.status();
        HeaderMap headers = fields(block);
        if (status == null || status.length() != 3 || headers == null) {
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
        return code < 100 || code > 599 || code == 101 ? null : new ResponseHead(code, headers);
    }

    /// @return null if these are no trailers: with a pseudo header, or as [#fields]
    static @Nullable HeaderMap trailers(Http2Headers block) {
        for (var field : block) {
            if (field.getKey().length() > 0 && field.getKey().charAt(0) == ':') {
                return null;
            }
        }
        return fields(block);
    }

    /// Everything but pseudo headers; the crumbs of a cookie are put together again (RFC 9113 8.2.3).
    ///
    /// @return null if a value holds what no HTTP/1 line could (RFC 9113 8.2.1): it would be a second header, or
    ///     a second request, behind the next hop
    static @Nullable HeaderMap fields(Http2Headers block) {
        var headers = new HeaderMap(block.size());
        StringBuilder cookie = null;
        for (var field : block) {
            CharSequence name = field.getKey();
            if (name.length() > 0 && name.charAt(0) == ':') {
                continue;
            }
            String text = name.toString();
            String value = field.getValue().toString();
            if (!isFieldValue(value)) {
                return null;
            }
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

    private static boolean isFieldValue(String value) {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if ((c < ' ' && c != '\t') || c == 0x7f) {
                return false;
            }
        }
        return true;
    }

    static Http2Headers block(RequestHead head) {
        var block = new DefaultHttp2Headers(false, head.headers().count() + 8);
        boolean extended = !head.upgrade().isEmpty();
        block.method(extended ? "CONNECT" : head.method());
        if (extended) {
            block.add(Http2Headers.PseudoHeaderName.PROTOCOL.value(), head.upgrade());
        }
        if (extended || !head.method().equals("CONNECT")) {
            block.scheme(head.scheme().isEmpty() ? "http" : head.scheme());
            block.path(head.path().isEmpty() ? "/" : head.path());
        }
        block.authority(head.authority());
        return add(block, head.headers());
    }

    static Http2Headers block(ResponseHead head) {
        var block = new DefaultHttp2Headers(false, head.headers().count() + 4);
        // What HTTP/1 answers to an upgrade with 101 is plain success to extended CONNECT.
        block.status(head.status() == 101 ? "200" : Integer.toString(head.status()));
        add(block, head.headers());
        block.remove("upgrade");
        return block;
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
