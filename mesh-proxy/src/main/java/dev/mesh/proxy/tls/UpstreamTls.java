package dev.mesh.proxy.tls;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.jspecify.annotations.Nullable;

/// TLS towards the hosts of a cluster. Any thread.
public final class UpstreamTls {
    /// @param usual offers what the configuration says
    /// @param byProtocol contexts that offer one protocol of ALPN; empty if the configuration names its own
    record Contexts(SslContext usual, Map<String, SslContext> byProtocol) {
        private SslContext of(String protocol) {
            return byProtocol.getOrDefault(protocol, usual);
        }
    }

    private final Renewed<Contexts> contexts;
    private final String sni;
    private final boolean hostNameAsSni;

    UpstreamTls(Renewed<Contexts> contexts, String sni, boolean hostNameAsSni) {
        this.contexts = contexts;
        this.sni = sni;
        this.hostNameAsSni = hostNameAsSni;
    }

    /// Names of the secrets that it is made of.
    public List<String> secrets() {
        return contexts.names();
    }

    /// The name to ask a host for; empty = none.
    ///
    /// @param hostname of the host; empty if only its address is known
    public String sni(String hostname) {
        return hostNameAsSni && !hostname.isEmpty() ? hostname : sni;
    }

    /// @param name to ask for by SNI; empty = none
    /// @param protocol that will be spoken, in ALPN's terms, and that is offered if the configuration names none;
    ///     empty = any
    /// @return null while a secret that the configuration names is not there
    public @Nullable SslHandler newHandler(ByteBufAllocator allocator, String name, int port, String protocol) {
        SslContext context = context(protocol);
        if (context == null) {
            return null;
        }
        SslHandler handler = name.isEmpty() ? context.newHandler(allocator) : context.newHandler(allocator, name, port);
        if (!name.isEmpty()) {
            ask(handler.engine(), name);
        }
        return handler;
    }

    /// What speaks a protocol of ALPN, by the secrets as they are now; null while one is not there.
    public @Nullable SslContext context(String protocol) {
        Contexts now = contexts.get();
        return now == null ? null : now.of(protocol);
    }

    // Netty itself asks only for names with a dot.
    private static void ask(SSLEngine engine, String name) {
        try {
            SSLParameters parameters = engine.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName(name)));
            engine.setSSLParameters(parameters);
        } catch (IllegalArgumentException e) {
            return; // no name that SNI can carry, such as one that a request brought: the server takes its first
        }
    }
}
