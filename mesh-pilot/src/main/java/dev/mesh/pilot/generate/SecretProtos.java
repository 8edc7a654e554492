package dev.mesh.pilot.generate;

import com.google.protobuf.ByteString;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.Credential;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;

/// Secrets of SDS. Static and pure; nothing of it is kept beside the views that hold it.
final class SecretProtos {
    private SecretProtos() {}

    /// @param name that proxies ask for
    static Resource pair(String name, Credential from) {
        return Resource.of(
                XdsType.SECRET,
                name,
                Secret.newBuilder()
                        .setName(name)
                        .setTlsCertificate(TlsCertificate.newBuilder()
                                .setCertificateChain(inline(from.chain()))
                                .setPrivateKey(inline(from.key())))
                        .build());
    }

    /// @param name that proxies ask for
    static Resource authorities(String name, Credential from) {
        var validation = CertificateValidationContext.newBuilder().setTrustedCa(inline(from.authorities()));
        if (!from.revocations().isEmpty()) {
            validation.setCrl(inline(from.revocations()));
        }
        return Resource.of(
                XdsType.SECRET,
                name,
                Secret.newBuilder()
                        .setName(name)
                        .setValidationContext(validation)
                        .build());
    }

    private static DataSource inline(String pem) {
        return DataSource.newBuilder()
                .setInlineBytes(ByteString.copyFromUtf8(pem))
                .build();
    }
}
