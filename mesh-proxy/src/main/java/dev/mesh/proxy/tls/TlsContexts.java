package dev.mesh.proxy.tls;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/// Builds contexts once, when configuration is loaded; BoringSSL where it is to be had, else the JDK.
public final class TlsContexts {
    private static final String RAW = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    private static final String UPSTREAM = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    private static final String DOWNSTREAM = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

    private TlsContexts() {}

    /// @param sni name to send; empty = none
    public record Upstream(SslContext context, String sni) {}

    private static String type(Any config) {
        return config.getTypeUrl().substring(config.getTypeUrl().lastIndexOf('/') + 1);
    }

    private static SslProvider provider() {
        return OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    }

    /// @return null for plaintext
    public static @Nullable Upstream upstream(Any config) throws ConfigRejected {
        if (type(config).equals(RAW)) {
            return null;
        }
        if (!type(config).equals(UPSTREAM)) {
            throw new ConfigRejected(
                    "\"" + type(config) + "\" is not supported (expected: UpstreamTlsContext or RawBuffer)");
        }
        try {
            var proto = config.unpack(UpstreamTlsContext.class);
            var common = proto.getCommonTlsContext();
            refuseSds(common);
            var builder = SslContextBuilder.forClient().sslProvider(provider());
            if (common.getValidationContext().hasTrustedCa()) {
                builder.trustManager(stream(common.getValidationContext().getTrustedCa(), "trusted_ca"));
                // The host name is checked only where the configuration names one: Envoy's meaning.
                builder.endpointIdentificationAlgorithm(null);
                if (common.getValidationContext().getMatchTypedSubjectAltNamesCount() > 0) {
                    throw new ConfigRejected(
                            "common_tls_context.validation_context.match_typed_subject_alt_names: not supported");
                }
            } else {
                // Without a CA Envoy verifies nothing, and says so in its documentation.
                builder.trustManager(InsecureTrustManagerFactory.INSTANCE).endpointIdentificationAlgorithm(null);
            }
            certificate(common, builder);
            alpn(common, builder);
            return new Upstream(builder.build(), proto.getSni());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not an UpstreamTlsContext: " + e.getMessage());
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigRejected("common_tls_context: " + e.getMessage());
        }
    }

    /// @return null for plaintext
    public static @Nullable SslContext downstream(Any config) throws ConfigRejected {
        if (type(config).equals(RAW)) {
            return null;
        }
        if (!type(config).equals(DOWNSTREAM)) {
            throw new ConfigRejected(
                    "\"" + type(config) + "\" is not supported (expected: DownstreamTlsContext or RawBuffer)");
        }
        try {
            var proto = config.unpack(DownstreamTlsContext.class);
            var common = proto.getCommonTlsContext();
            refuseSds(common);
            if (common.getTlsCertificatesCount() != 1) {
                throw new ConfigRejected("common_tls_context.tls_certificates: " + common.getTlsCertificatesCount()
                        + " (expected: one)");
            }
            var certificate = common.getTlsCertificates(0);
            SslContextBuilder builder;
            try (InputStream chain = stream(certificate.getCertificateChain(), "certificate_chain");
                    InputStream key = stream(certificate.getPrivateKey(), "private_key")) {
                builder = SslContextBuilder.forServer(chain, key).sslProvider(provider());
            }
            if (common.getValidationContext().hasTrustedCa()) {
                builder.trustManager(stream(common.getValidationContext().getTrustedCa(), "trusted_ca"));
                builder.clientAuth(
                        proto.getRequireClientCertificate().getValue() ? ClientAuth.REQUIRE : ClientAuth.OPTIONAL);
            } else if (proto.getRequireClientCertificate().getValue()) {
                throw new ConfigRejected(
                        "require_client_certificate: needs common_tls_context.validation_context.trusted_ca");
            }
            alpn(common, builder);
            return builder.build();
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a DownstreamTlsContext: " + e.getMessage());
        } catch (SSLException | IllegalArgumentException e) {
            throw new ConfigRejected("common_tls_context: " + e.getMessage());
        } catch (IOException e) {
            throw new ConfigRejected("common_tls_context: cannot be read: " + e.getMessage());
        }
    }

    private static void refuseSds(CommonTlsContext common) throws ConfigRejected {
        if (common.getTlsCertificateSdsSecretConfigsCount() > 0
                || common.hasValidationContextSdsSecretConfig()
                || common.hasCombinedValidationContext()) {
            throw new ConfigRejected(
                    "common_tls_context: SDS is not supported (expected: certificates in files or inline)");
        }
    }

    private static void certificate(CommonTlsContext common, SslContextBuilder builder)
            throws IOException, ConfigRejected {
        if (common.getTlsCertificatesCount() > 0) {
            var certificate = common.getTlsCertificates(0);
            try (InputStream chain = stream(certificate.getCertificateChain(), "certificate_chain");
                    InputStream key = stream(certificate.getPrivateKey(), "private_key")) {
                builder.keyManager(chain, key);
            }
        }
    }

    private static void alpn(CommonTlsContext common, SslContextBuilder builder) {
        List<String> protocols = common.getAlpnProtocolsList();
        if (!protocols.isEmpty()) {
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    protocols));
        }
    }

    private static InputStream stream(DataSource source, String field) throws IOException, ConfigRejected {
        return switch (source.getSpecifierCase()) {
            case FILENAME -> new ByteArrayInputStream(Files.readAllBytes(Path.of(source.getFilename())));
            case INLINE_BYTES -> source.getInlineBytes().newInput();
            case INLINE_STRING -> source.getInlineStringBytes().newInput();
            case ENVIRONMENT_VARIABLE, SPECIFIER_NOT_SET ->
                throw new ConfigRejected("common_tls_context." + field + ": missing (expected: filename or inline)");
        };
    }
}
