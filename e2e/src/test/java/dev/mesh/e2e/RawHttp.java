package dev.mesh.e2e;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// One HTTP message as it came over the wire: nothing is normalised, so that a test sees what a peer really sent.
///
/// @param head first line
/// @param headers `name: value` lines as they came
/// @param body without its chunks
/// @param trailers lines behind the last chunk
record RawHttp(String head, List<String> headers, String body, List<String> trailers) {
    /// @param answerTo method of the request that this answers; empty if this is a request
    static RawHttp read(InputStream in, String answerTo) throws IOException {
        String head = line(in);
        var headers = lines(in);
        var message = new RawHttp(head, headers, "", List.of());
        int status = answerTo.isEmpty() ? 0 : message.status();
        if (answerTo.equals("HEAD") || status == 204 || status == 304 || (status >= 100 && status < 200)) {
            return message;
        }
        String length = message.header("content-length");
        if (message.header("transfer-encoding").toLowerCase(Locale.ROOT).contains("chunked")) {
            var body = new StringBuilder();
            while (true) {
                int size = Integer.parseInt(line(in).replaceAll(";.*", "").strip(), 16);
                if (size == 0) {
                    return new RawHttp(head, headers, body.toString(), lines(in));
                }
                body.append(text(in.readNBytes(size)));
                line(in);
            }
        }
        if (!length.isEmpty()) {
            return new RawHttp(head, headers, text(in.readNBytes(Integer.parseInt(length))), List.of());
        }
        return answerTo.isEmpty() ? message : new RawHttp(head, headers, text(in.readAllBytes()), List.of());
    }

    /// Value of the first header of this name; empty if there is none.
    String header(String name) {
        for (String header : headers) {
            int colon = header.indexOf(':');
            if (colon > 0 && header.substring(0, colon).equalsIgnoreCase(name)) {
                return header.substring(colon + 1).strip();
            }
        }
        return "";
    }

    int status() throws IOException {
        String[] parts = head.split(" ", 3);
        if (parts.length < 2 || !parts[0].startsWith("HTTP/")) {
            throw new IOException("no status line: " + head);
        }
        return Integer.parseInt(parts[1]);
    }

    private static List<String> lines(InputStream in) throws IOException {
        var lines = new ArrayList<String>();
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
            lines.add(line);
        }
        return lines;
    }

    private static String line(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new EOFException("connection ended after \"" + text(line.toByteArray()) + "\"");
            }
            line.write(b);
        }
        return text(line.toByteArray()).replaceAll("\r$", "");
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
