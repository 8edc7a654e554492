package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import java.nio.charset.StandardCharsets;

/// Reads start line and header lines out of a block that ends with an empty line (RFC 9112, strictly: CRLF
/// ends each line, no folding, no space before the colon, no control characters).
final class HeadParser {
    private static final boolean[] TOKEN = new boolean[256];

    static {
        for (char c = '0'; c <= '9'; c++) {
            TOKEN[c] = true;
        }
        for (char c = 'a'; c <= 'z'; c++) {
            TOKEN[c] = true;
            TOKEN[Character.toUpperCase(c)] = true;
        }
        for (char c : "!#$%&'*+-.^_`|~".toCharArray()) {
            TOKEN[c] = true;
        }
    }

    private HeadParser() {}

    /// Index of the CR that ends the line starting at `from`.
    static int lineEnd(byte[] block, int from, int length) throws Http1Error {
        for (int i = from; i < length; i++) {
            byte b = block[i];
            if (b == '\r') {
                if (i + 1 < length && block[i + 1] == '\n') {
                    return i;
                }
                throw Http1Error.malformed();
            }
            if (b == '\n' || b == 0) {
                throw Http1Error.malformed();
            }
        }
        throw Http1Error.malformed();
    }

    /// Parses header lines from `from` to the empty line that ends the block.
    static HeaderMap headers(byte[] block, int from, int length, int maxHeaders) throws Http1Error {
        var headers = new HeaderMap(12);
        int at = from;
        int count = 0;
        while (true) {
            int end = lineEnd(block, at, length);
            if (end == at) {
                if (end + 2 != length) {
                    throw Http1Error.malformed();
                }
                return headers;
            }
            if (++count > maxHeaders) {
                throw new Http1Error(431, "http1.too_many_headers");
            }
            header(block, at, end, headers);
            at = end + 2;
        }
    }

    private static void header(byte[] block, int from, int end, HeaderMap headers) throws Http1Error {
        int colon = from;
        while (colon < end && block[colon] != ':') {
            int c = block[colon] & 0xff;
            if (!TOKEN[c]) {
                throw Http1Error.malformed();
            }
            if (c >= 'A' && c <= 'Z') {
                block[colon] = (byte) (c + 32);
            }
            colon++;
        }
        if (colon == from || colon == end) {
            throw Http1Error.malformed();
        }
        int first = colon + 1;
        while (first < end && isBlank(block[first])) {
            first++;
        }
        int last = end;
        while (last > first && isBlank(block[last - 1])) {
            last--;
        }
        for (int i = first; i < last; i++) {
            int c = block[i] & 0xff;
            if ((c < 0x20 && c != '\t') || c == 0x7f) {
                throw new Http1Error(400, "http1.invalid_characters");
            }
        }
        headers.add(
                HeaderNames.of(block, from, colon),
                new String(block, first, last - first, StandardCharsets.ISO_8859_1));
    }

    static boolean isTokenChar(char c) {
        return c < TOKEN.length && TOKEN[c];
    }

    static boolean isToken(byte[] block, int from, int to) {
        for (int i = from; i < to; i++) {
            if (!TOKEN[block[i] & 0xff]) {
                return false;
            }
        }
        return to > from;
    }

    static String text(byte[] block, int from, int to) {
        return new String(block, from, to - from, StandardCharsets.ISO_8859_1);
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == '\t';
    }

    /// The value of Content-Length: digits only, and if there are several they must be one.
    ///
    /// @return -1 if there is none
    static long contentLength(HeaderMap headers) throws Http1Error {
        int count = headers.count("content-length");
        if (count == 0) {
            return -1;
        }
        if (count > 1) {
            throw new Http1Error(400, "http1.codec_error");
        }
        String text = headers.get("content-length", 0);
        if (text.isEmpty() || text.length() > 18) {
            throw Http1Error.malformed();
        }
        long length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                throw Http1Error.malformed();
            }
            length = length * 10 + (c - '0');
        }
        return length;
    }

    /// Whether the comma-separated list has this token, whatever its case.
    static boolean listHas(String list, String token) {
        int at = 0;
        while (at < list.length()) {
            int comma = list.indexOf(',', at);
            int end = comma < 0 ? list.length() : comma;
            int first = at;
            int last = end;
            while (first < last && (list.charAt(first) == ' ' || list.charAt(first) == '\t')) {
                first++;
            }
            while (last > first && (list.charAt(last - 1) == ' ' || list.charAt(last - 1) == '\t')) {
                last--;
            }
            if (last - first == token.length() && list.regionMatches(true, first, token, 0, token.length())) {
                return true;
            }
            at = end + 1;
        }
        return false;
    }
}
