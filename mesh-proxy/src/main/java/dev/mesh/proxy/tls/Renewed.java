package dev.mesh.proxy.tls;

import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What is made of a TLS configuration and the secrets that it names: made when it is first needed, and anew when a
/// secret has changed. Any thread.
final class Renewed<T> {
    private static final Logger LOGGER = LoggerFactory.getLogger(Renewed.class);

    /// Makes it.
    interface Maker<T> {
        /// @param common without references to secrets
        T make(CommonTlsContext common) throws ConfigRejected;
    }

    private record Made<T>(List<Secret> of, @Nullable T value) {}

    private final CommonTlsContext common;
    private final List<String> names;
    private final Secrets secrets;
    private final Maker<T> maker;
    private volatile @Nullable Made<T> made;

    Renewed(CommonTlsContext common, Secrets secrets, Maker<T> maker) {
        this.common = common;
        this.names = names(common);
        this.secrets = secrets;
        this.maker = maker;
    }

    /// Names of the secrets that a configuration refers to.
    static List<String> names(CommonTlsContext common) {
        var names = new ArrayList<String>();
        common.getTlsCertificateSdsSecretConfigsList().forEach(config -> names.add(config.getName()));
        if (common.hasValidationContextSdsSecretConfig()) {
            names.add(common.getValidationContextSdsSecretConfig().getName());
        }
        if (common.hasCombinedValidationContext()
                && common.getCombinedValidationContext().hasValidationContextSdsSecretConfig()) {
            names.add(common.getCombinedValidationContext()
                    .getValidationContextSdsSecretConfig()
                    .getName());
        }
        return names;
    }

    /// Names of its secrets.
    List<String> names() {
        return names;
    }

    /// Makes it now if its secrets are there.
    ///
    /// @throws ConfigRejected with every reason why it cannot be made of them
    void prepare() throws ConfigRejected {
        List<Secret> now = find();
        if (now != null) {
            made = new Made<>(now, maker.make(resolve(common, now)));
        }
    }

    /// As it is now; null while a secret is missing.
    @Nullable
    T get() {
        List<Secret> now = find();
        Made<T> last = made;
        if (now == null) {
            return null;
        }
        return last != null && same(last.of, now) ? last.value : renew(now);
    }

    private synchronized @Nullable T renew(List<Secret> now) {
        Made<T> last = made;
        if (last != null && same(last.of, now)) {
            return last.value;
        }
        T value = last == null ? null : last.value;
        try {
            value = maker.make(resolve(common, now));
        } catch (ConfigRejected e) {
            LOGGER.atError()
                    .addKeyValue("secrets", names)
                    .addKeyValue("reason", e.getMessage())
                    .log("a new secret cannot be used; what was there before it stays");
        }
        made = new Made<>(now, value);
        return value;
    }

    private @Nullable List<Secret> find() {
        var found = new ArrayList<Secret>(names.size());
        for (String name : names) {
            Secret secret = secrets.find(name);
            if (secret == null) {
                return null;
            }
            found.add(secret);
        }
        return found;
    }

    // By identity: a secret is the same object until it changes.
    private static boolean same(List<Secret> one, List<Secret> other) {
        for (int i = 0; i < one.size(); i++) {
            if (one.get(i) != other.get(i)) {
                return false;
            }
        }
        return true;
    }

    /// With the secrets in the place of their names. What a secret says is merged over the default, as in Envoy.
    ///
    /// @param secrets in the order of [#names]
    private static CommonTlsContext resolve(CommonTlsContext common, List<Secret> secrets) {
        var resolved = common.toBuilder().clearTlsCertificateSdsSecretConfigs();
        int at = 0;
        for (SdsSecretConfig _ : common.getTlsCertificateSdsSecretConfigsList()) {
            resolved.addTlsCertificates(secrets.get(at++).getTlsCertificate());
        }
        CertificateValidationContext.Builder validation = CertificateValidationContext.newBuilder();
        if (common.hasCombinedValidationContext()) {
            validation.mergeFrom(common.getCombinedValidationContext().getDefaultValidationContext());
        }
        if (at < secrets.size()) {
            validation.mergeFrom(secrets.get(at).getValidationContext());
        }
        if (common.hasCombinedValidationContext() || common.hasValidationContextSdsSecretConfig()) {
            resolved.setValidationContext(validation);
        }
        return resolved.build();
    }
}
