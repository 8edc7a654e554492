package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import com.google.protobuf.ByteString;
import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.pilot.model.CredentialName;
import dev.mesh.pilot.model.NamedCredentials;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsParameters;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.List;

/// TLS of clusters and of gateway servers, with certificates from files or from Secrets. Static and pure.
final class TlsProtos {
    // Where nothing names the authorities to trust, the machine's are (Istio verifies so since 1.24).
    private static final String SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";
    private static final String NAME = "envoy.transport_sockets.tls";

    private TlsProtos() {}

    /// The peer must have a certificate for the name that the rule gives, else the service, else the host itself.
    ///
    /// @param subjectAltNames of the service
    static void upstream(
            ClientTls tls, String host, Protocol protocol, List<String> subjectAltNames, Cluster.Builder cluster) {
        if (tls.mode() == ClientTls.Mode.DISABLE) {
            return;
        }
        var common = CommonTlsContext.newBuilder();
        CredentialName named = tls.credentialName().isEmpty() ? null : CredentialName.of(tls.credentialName());
        if (tls.mode() == ClientTls.Mode.MUTUAL) {
            if (named == null) {
                common.addTlsCertificates(certificate(tls.clientCertificate(), tls.privateKey()));
            } else {
                common.addTlsCertificateSdsSecretConfigs(secret(named));
            }
        }
        if (!Boolean.TRUE.equals(tls.insecureSkipVerify())) {
            var validation = CertificateValidationContext.newBuilder();
            List<String> expected = tls.subjectAltNames().isEmpty() ? subjectAltNames : tls.subjectAltNames();
            names(expected.isEmpty() ? List.of(tls.sni().isEmpty() ? host : tls.sni()) : expected, validation);
            revocations(tls.caCrl(), validation);
            if (named == null) {
                common.setValidationContext(validation.setTrustedCa(
                        file(tls.caCertificates().isEmpty() ? SYSTEM_AUTHORITIES : tls.caCertificates())));
            } else {
                common.setCombinedValidationContext(combined(validation, named.authorities()));
            }
        }
        if (protocol == Protocol.HTTP2) {
            common.addAlpnProtocols("h2");
        } else if (protocol == Protocol.HTTP) {
            common.addAlpnProtocols("http/1.1");
        }
        var context = UpstreamTlsContext.newBuilder()
                .setCommonTlsContext(common)
                .setSni(tls.sni().isEmpty() ? host : tls.sni());
        cluster.setTransportSocket(
                TransportSocket.newBuilder().setName(NAME).setTypedConfig(Resource.pack(context.build())));
    }

    /// @param http whether requests are routed after it
    static TransportSocket downstream(ServerTls tls, boolean http) {
        var common = CommonTlsContext.newBuilder();
        List<String> credentials = NamedCredentials.certificates(tls);
        if (!credentials.isEmpty()) {
            credentials.forEach(
                    written -> common.addTlsCertificateSdsSecretConfigs(secret(CredentialName.of(written))));
        } else if (tls.tlsCertificates().isEmpty()) {
            common.addTlsCertificates(certificate(tls.serverCertificate(), tls.privateKey()));
        } else {
            tls.tlsCertificates()
                    .forEach(one -> common.addTlsCertificates(certificate(one.serverCertificate(), one.privateKey())));
        }
        if (tls.mode() != ServerTls.Mode.SIMPLE) {
            var validation = CertificateValidationContext.newBuilder()
                    .addAllVerifyCertificateSpki(tls.verifyCertificateSpki())
                    .addAllVerifyCertificateHash(tls.verifyCertificateHash());
            if (!tls.caCertificates().isEmpty()) {
                validation.setTrustedCa(file(tls.caCertificates()));
            }
            names(tls.subjectAltNames(), validation);
            revocations(tls.caCrl(), validation);
            CredentialName authorities = NamedCredentials.authorities(tls);
            if (authorities == null) {
                common.setValidationContext(validation);
            } else {
                common.setCombinedValidationContext(combined(validation, authorities));
            }
        }
        common.setTlsParams(TlsParameters.newBuilder()
                .setTlsMinimumProtocolVersion(
                        tls.minProtocolVersion() == ServerTls.Version.TLS_AUTO
                                ? TlsParameters.TlsProtocol.TLSv1_2
                                : version(tls.minProtocolVersion()))
                .setTlsMaximumProtocolVersion(version(tls.maxProtocolVersion()))
                .addAllCipherSuites(tls.cipherSuites())
                .addAllEcdhCurves(tls.ecdhCurves()));
        if (http) {
            common.addAlpnProtocols("h2").addAlpnProtocols("http/1.1");
        }
        return TransportSocket.newBuilder()
                .setName(NAME)
                .setTypedConfig(Resource.pack(DownstreamTlsContext.newBuilder()
                        .setCommonTlsContext(common)
                        .setRequireClientCertificate(BoolValue.of(tls.mode() == ServerTls.Mode.MUTUAL))
                        .build()))
                .build();
    }

    private static CommonTlsContext.CombinedCertificateValidationContext combined(
            CertificateValidationContext.Builder validation, CredentialName authorities) {
        return CommonTlsContext.CombinedCertificateValidationContext.newBuilder()
                .setDefaultValidationContext(validation)
                .setValidationContextSdsSecretConfig(secret(authorities))
                .build();
    }

    private static SdsSecretConfig secret(CredentialName name) {
        return SdsSecretConfig.newBuilder()
                .setName(name.resource())
                .setSdsConfig(ClusterProtos.ADS)
                .build();
    }

    private static TlsParameters.TlsProtocol version(ServerTls.Version version) {
        return switch (version) {
            case TLS_AUTO -> TlsParameters.TlsProtocol.TLS_AUTO;
            case TLSV1_0 -> TlsParameters.TlsProtocol.TLSv1_0;
            case TLSV1_1 -> TlsParameters.TlsProtocol.TLSv1_1;
            case TLSV1_2 -> TlsParameters.TlsProtocol.TLSv1_2;
            case TLSV1_3 -> TlsParameters.TlsProtocol.TLSv1_3;
        };
    }

    private static void names(List<String> names, CertificateValidationContext.Builder validation) {
        for (String name : names) {
            var type = name.contains("://") ? SubjectAltNameMatcher.SanType.URI : SubjectAltNameMatcher.SanType.DNS;
            validation.addMatchTypedSubjectAltNames(SubjectAltNameMatcher.newBuilder()
                    .setSanType(type)
                    .setMatcher(StringMatcher.newBuilder().setExact(name)));
        }
    }

    private static void revocations(String path, CertificateValidationContext.Builder validation) {
        if (!path.isEmpty()) {
            validation.setCrl(file(path));
        }
    }

    private static TlsCertificate certificate(String chain, String key) {
        return TlsCertificate.newBuilder()
                .setCertificateChain(file(chain))
                .setPrivateKey(file(key))
                .build();
    }

    private static DataSource file(String path) {
        return DataSource.newBuilder()
                .setFilenameBytes(ByteString.copyFromUtf8(path))
                .build();
    }
}
