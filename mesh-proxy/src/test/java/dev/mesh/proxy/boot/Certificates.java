package dev.mesh.proxy.boot;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.RevocationServer;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.function.UnaryOperator;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/// An authority of one test, what it has signed, and ends of TLS connections that use it.
final class Certificates {
    private final Path folder;
    private final X509Bundle authority;

    /// @param folder where the files go
    Certificates(Path folder) throws Exception {
        this.folder = Files.createDirectories(folder);
        authority = new CertificateBuilder()
                .subject("CN=authority of " + folder.getFileName())
                .ecp256()
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
        Files.writeString(folder.resolve("ca.pem"), authority.getCertificatePEM());
    }

    /// Signs `<name>.pem` with `<name>.key`.
    X509Bundle sign(String name, UnaryOperator<CertificateBuilder> options) throws Exception {
        var bundle = options.apply(new CertificateBuilder()
                        .subject("CN=" + name)
                        .ecp256()
                        .notBefore(Instant.now().minus(Duration.ofDays(3))))
                .buildIssuedBy(authority);
        Files.writeString(folder.resolve(name + ".pem"), bundle.getCertificatePathPEM());
        Files.writeString(folder.resolve(name + ".key"), bundle.getPrivateKeyPEM());
        return bundle;
    }

    /// Signs one for DNS names.
    X509Bundle sign(String name, String... dnsNames) throws Exception {
        return sign(name, builder -> {
            Arrays.stream(dnsNames).forEach(builder::addSanDnsName);
            return builder;
        });
    }

    /// The authority's list of what it has revoked so far, and of this, into `<name>`; good for some time.
    void revocations(String name, X509Bundle... revoked) throws Exception {
        RevocationServer server = RevocationServer.getInstance();
        server.register(authority);
        for (X509Bundle one : revoked) {
            server.revoke(one, Instant.now().minus(Duration.ofDays(1)));
        }
        try (InputStream in = server.getCrlUri(authority).toURL().openStream()) {
            Files.writeString(
                    folder.resolve(name),
                    "-----BEGIN X509 CRL-----\n" + Base64.getMimeEncoder().encodeToString(in.readAllBytes())
                            + "\n-----END X509 CRL-----\n");
        }
    }

    String file(String name) {
        return folder.resolve(name).toString();
    }

    /// `tls_certificates` in YAML's one-line form.
    String certificate(String name) {
        return "{certificate_chain: {filename: \"" + file(name + ".pem") + "\"}, private_key: {filename: \""
                + file(name + ".key") + "\"}}";
    }

    /// A connected client whose handshake is done.
    ///
    /// @param serverName to ask for; empty = none
    /// @param own certificate; null = none
    SSLSocket connect(int port, String serverName, @Nullable X509Bundle own, String... protocols)
            throws GeneralSecurityException, IOException {
        var plain = new Socket(InetAddress.getLoopbackAddress(), port);
        plain.setSoTimeout(10_000);
        var socket = (SSLSocket) context(own)
                .getSocketFactory()
                .createSocket(plain, serverName.isEmpty() ? "127.0.0.1" : serverName, port, true);
        var parameters = socket.getSSLParameters();
        parameters.setServerNames(serverName.isEmpty() ? List.of() : List.of(new SNIHostName(serverName)));
        parameters.setApplicationProtocols(protocols);
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return socket;
    }

    /// A server that shows `own`.
    SSLServerSocket listen(X509Bundle own, boolean wantsClients, String... protocols)
            throws GeneralSecurityException, IOException {
        var server = (SSLServerSocket)
                context(own).getServerSocketFactory().createServerSocket(0, 64, InetAddress.getLoopbackAddress());
        server.setNeedClientAuth(wantsClients);
        var parameters = server.getSSLParameters();
        parameters.setApplicationProtocols(protocols);
        server.setSSLParameters(parameters);
        return server;
    }

    private SSLContext context(@Nullable X509Bundle own) throws GeneralSecurityException {
        var context = SSLContext.getInstance("TLS");
        KeyManager[] keys = own == null ? null : own.toKeyManagerFactory().getKeyManagers();
        context.init(keys, new TrustManager[] {authority.toTrustManager()}, null);
        return context;
    }
}
