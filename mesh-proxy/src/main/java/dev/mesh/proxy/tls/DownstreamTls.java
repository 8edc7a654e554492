package dev.mesh.proxy.tls;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// TLS of a filter chain: one or several certificates to choose among. Any thread.
public final class DownstreamTls {
    /// @param names DNS names of the certificate, else its common name; lower case
    record Certificate(SslContext context, List<String> names, boolean ecdsa) {}

    private final Renewed<List<Certificate>> certificates;
    private final int number;
    private final boolean requiresSni;

    /// @param number of certificates
    DownstreamTls(Renewed<List<Certificate>> certificates, int number, boolean requiresSni) {
        this.certificates = certificates;
        this.number = number;
        this.requiresSni = requiresSni;
    }

    /// Whether what the client says must be known before the handshake begins.
    public boolean needsHello() {
        return requiresSni || number > 1;
    }

    /// Names of the secrets that it is made of.
    public List<String> secrets() {
        return certificates.names();
    }

    /// Whether a client may begin a handshake.
    ///
    /// @param hello null if it was not looked at
    public boolean accepts(@Nullable ClientHello hello) {
        return !requiresSni || (hello != null && !hello.serverName().isEmpty());
    }

    /// @param hello null if it was not looked at
    /// @return null while a secret that the configuration names is not there
    public @Nullable SslHandler newHandler(ByteBufAllocator allocator, @Nullable ClientHello hello) {
        List<Certificate> now = certificates.get();
        return now == null ? null : choose(now, hello).context.newHandler(allocator);
    }

    // The exact name, then the name with a wildcard, then the first; with an ECDSA key if the client takes those.
    private static Certificate choose(List<Certificate> certificates, @Nullable ClientHello hello) {
        if (hello == null || certificates.size() == 1) {
            return certificates.getFirst();
        }
        String asked = hello.serverName();
        int dot = asked.indexOf('.');
        var fitting = certificates.stream()
                .filter(one -> !asked.isEmpty() && one.names.contains(asked))
                .toList();
        if (fitting.isEmpty() && dot > 0) {
            String wildcard = "*" + asked.substring(dot);
            fitting = certificates.stream()
                    .filter(one -> one.names.contains(wildcard))
                    .toList();
        }
        if (fitting.isEmpty()) {
            List<String> first = certificates.getFirst().names;
            fitting = asked.isEmpty()
                    ? certificates
                    : certificates.stream()
                            .filter(one -> one.names.equals(first))
                            .toList();
        }
        for (Certificate one : fitting) {
            if (one.ecdsa == hello.ecdsa()) {
                return one;
            }
        }
        return fitting.getFirst();
    }
}
