package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import org.jspecify.annotations.Nullable;

/// Headers that concern one connection only (RFC 9110 7.6.1): they end here.
final class HopByHop {
    private HopByHop() {}

    /// Takes them out; `te: trailers` stays, since it is meant for the far end of gRPC.
    ///
    /// @param connectionOptions the value of Connection; the headers it names go too, but for those that the
    ///     request's meaning hangs on
    static void strip(HeaderMap headers, @Nullable String connectionOptions) {
        if (connectionOptions != null) {
            for (int i = headers.count() - 1; i >= 0; i--) {
                String name = headers.name(i);
                if (HeadParser.listHas(connectionOptions, name)
                        && !name.equals("host")
                        && !name.startsWith("x-forwarded-")
                        && !name.equals("te")) {
                    headers.remove(name);
                    i = Math.min(i, headers.count());
                }
            }
            headers.remove("connection");
        }
        headers.remove("keep-alive");
        headers.remove("proxy-connection");
        headers.remove("transfer-encoding");
        headers.remove("upgrade");
        String te = headers.get("te");
        if (te != null) {
            if (HeadParser.listHas(te, "trailers")) {
                headers.set("te", "trailers");
            } else {
                headers.remove("te");
            }
        }
    }
}
