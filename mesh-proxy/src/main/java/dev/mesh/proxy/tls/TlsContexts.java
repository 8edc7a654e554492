package dev.mesh.proxy.tls;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.compile.Fields;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.pem.Pem;
import dev.mesh.proxy.filter.ConfigRejected;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsParameters;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslContextOption;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CRL;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/// Builds contexts; BoringSSL where it is to be had, else the JDK. What a configuration holds or names as a file is
/// read
/// once, when it is loaded: as in Envoy, a certificate that does not come by SDS changes with the resource that names
/// it. What it names as a secret of SDS is followed ([Renewed]).
public final class TlsContexts {
    private static final String RAW = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    private static final String UPSTREAM = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    private static final String DOWNSTREAM = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    private static final List<String> TLS13_SUITES =
            List.of("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256");
    private static final int MAX_DEPTH = 100;

    private final List<String> reasons = new ArrayList<>();
    private final Secrets secrets;
    private boolean authorityLater; // it comes as a secret

    private TlsContexts(Secrets secrets) {
        this.secrets = secrets;
    }

    private static String type(Any config) {
        return config.getTypeUrl().substring(config.getTypeUrl().lastIndexOf('/') + 1);
    }

    private static SslProvider provider() {
        return OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    }

    /// @param checksServerName whether the certificate must be for the name that SNI asks for
    ///     (`auto_san_validation`)
    /// @param secrets that the configuration may name
    /// @return null for plaintext
    /// @throws ConfigRejected with every reason
    public static @Nullable UpstreamTls upstream(Any config, boolean checksServerName, Secrets secrets)
            throws ConfigRejected {
        if (type(config).equals(RAW)) {
            return null;
        }
        if (!type(config).equals(UPSTREAM)) {
            throw new ConfigRejected(
                    "\"" + type(config) + "\" is not supported (expected: UpstreamTlsContext or RawBuffer)");
        }
        try {
            return new TlsContexts(secrets)
                    .upstream(Packed.unpack(config, UpstreamTlsContext.getDefaultInstance()), checksServerName);
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not an UpstreamTlsContext: " + e.getMessage());
        }
    }

    private UpstreamTls upstream(UpstreamTlsContext proto, boolean checksServerName) throws ConfigRejected {
        Fields.of(proto, "")
                .honours("common_tls_context", "sni", "auto_host_sni", "auto_sni_san_validation")
                .offOnly("enforce_rsa_key_usage")
                .refuseOthers(reasons);
        CommonTlsContext common = proto.getCommonTlsContext();
        common(common);
        int certificates = common.getTlsCertificatesCount() + common.getTlsCertificateSdsSecretConfigsCount();
        if (certificates > 1) {
            reasons.add("common_tls_context.tls_certificates: " + certificates + " (expected: at most one)");
        }
        boolean byName = checksServerName || proto.getAutoSniSanValidation();
        check(common, byName);
        var contexts = new Renewed<>(common, secrets, resolved -> new TlsContexts(secrets).clients(resolved, byName));
        contexts.prepare();
        return new UpstreamTls(contexts, proto.getSni(), proto.getAutoHostSni());
    }

    private UpstreamTls.Contexts clients(CommonTlsContext common, boolean checksServerName) throws ConfigRejected {
        PeerVerifier.Rules rules = rules(common, checksServerName);
        var keys = keys(common);
        throwIfAny();
        try {
            List<String> own = common.getAlpnProtocolsList();
            SslContext usual = client(common, rules, keys, own);
            var byProtocol = new LinkedHashMap<String, SslContext>();
            if (own.isEmpty()) {
                for (String protocol : List.of("h2", "http/1.1")) {
                    byProtocol.put(protocol, client(common, rules, keys, List.of(protocol)));
                }
            }
            return new UpstreamTls.Contexts(usual, Map.copyOf(byProtocol));
        } catch (SSLException | IllegalArgumentException e) {
            throw new ConfigRejected("common_tls_context: " + said(e));
        }
    }

    // What is wrong with what stands in the configuration itself, all at once; the rest is made of it and its secrets.
    private void check(CommonTlsContext common, boolean checksServerName) throws ConfigRejected {
        if (!reasons.isEmpty() || !Renewed.names(common).isEmpty()) {
            var inline = common.toBuilder();
            if (common.hasCombinedValidationContext()) {
                inline.setValidationContext(
                        common.getCombinedValidationContext().getDefaultValidationContext());
            }
            authorityLater = common.hasCombinedValidationContext() || common.hasValidationContextSdsSecretConfig();
            rules(inline.build(), checksServerName);
            keys(common);
            authorityLater = false;
        }
        throwIfAny();
    }

    private void throwIfAny() throws ConfigRejected {
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
    }

    private static SslContext client(
            CommonTlsContext common, PeerVerifier.Rules rules, List<KeyPair> keys, List<String> alpn)
            throws SSLException {
        var builder = SslContextBuilder.forClient().sslProvider(provider());
        if (rules.any()) {
            builder.trustManager(new PeerVerifier(rules));
        } else {
            // Without anything to verify by Envoy verifies nothing, and says so in its documentation.
            builder.trustManager(InsecureTrustManagerFactory.INSTANCE);
        }
        // What names are right is said by the configuration, not by the name that is connected to.
        builder.endpointIdentificationAlgorithm(null);
        if (!keys.isEmpty()) {
            builder.keyManager(keys.getFirst().key, keys.getFirst().chain);
        }
        // Envoy's clients speak TLS 1.2 unless they are told.
        parameters(common.getTlsParams(), 2, builder);
        alpn(alpn, builder);
        return builder.build();
    }

    /// @param secrets that the configuration may name
    /// @return null for plaintext
    /// @throws ConfigRejected with every reason
    public static @Nullable DownstreamTls downstream(Any config, Secrets secrets) throws ConfigRejected {
        if (type(config).equals(RAW)) {
            return null;
        }
        if (!type(config).equals(DOWNSTREAM)) {
            throw new ConfigRejected(
                    "\"" + type(config) + "\" is not supported (expected: DownstreamTlsContext or RawBuffer)");
        }
        try {
            return new TlsContexts(secrets)
                    .downstream(Packed.unpack(config, DownstreamTlsContext.getDefaultInstance()));
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a DownstreamTlsContext: " + e.getMessage());
        }
    }

    private DownstreamTls downstream(DownstreamTlsContext proto) throws ConfigRejected {
        Fields.of(proto, "")
                .honours("common_tls_context", "require_client_certificate", "require_sni", "session_timeout")
                .offOnly("full_scan_certs_on_sni_mismatch")
                .refuseOthers(reasons);
        CommonTlsContext common = proto.getCommonTlsContext();
        common(common);
        int number = common.getTlsCertificatesCount() + common.getTlsCertificateSdsSecretConfigsCount();
        if (number == 0) {
            reasons.add("common_tls_context.tls_certificates: none (expected: at least one)");
        }
        check(common, false);
        var certificates =
                new Renewed<>(common, secrets, resolved -> new TlsContexts(secrets).servers(proto, resolved));
        certificates.prepare();
        return new DownstreamTls(certificates, number, proto.getRequireSni().getValue());
    }

    private List<DownstreamTls.Certificate> servers(DownstreamTlsContext proto, CommonTlsContext common)
            throws ConfigRejected {
        PeerVerifier.Rules rules = rules(common, false);
        boolean required = proto.getRequireClientCertificate().getValue();
        if (required && !rules.any()) {
            reasons.add("require_client_certificate: needs something to verify by in"
                    + " common_tls_context.validation_context (expected: trusted_ca)");
        }
        List<KeyPair> keys = keys(common);
        throwIfAny();
        try {
            var certificates = new ArrayList<DownstreamTls.Certificate>();
            for (KeyPair pair : keys) {
                var builder = SslContextBuilder.forServer(pair.key, pair.chain).sslProvider(provider());
                if (rules.any()) {
                    builder.trustManager(new PeerVerifier(rules));
                    builder.clientAuth(required || rules.needsCertificate() ? ClientAuth.REQUIRE : ClientAuth.OPTIONAL);
                }
                if (proto.hasSessionTimeout()) {
                    builder.sessionTimeout(proto.getSessionTimeout().getSeconds());
                }
                parameters(common.getTlsParams(), 3, builder);
                alpn(common.getAlpnProtocolsList(), builder);
                certificates.add(new DownstreamTls.Certificate(
                        builder.build(),
                        names(pair.chain.getFirst()),
                        pair.key.getAlgorithm().equals("EC")));
            }
            return List.copyOf(certificates);
        } catch (SSLException | IllegalArgumentException e) {
            throw new ConfigRejected("common_tls_context: " + said(e));
        }
    }

    private static String said(Exception e) {
        Throwable cause = e.getCause();
        return e.getMessage() + (cause == null ? "" : " (" + cause.getMessage() + ")");
    }

    private static List<String> names(X509Certificate certificate) {
        var names = SanMatcher.names(certificate).stream()
                .filter(name -> name.kind() == SanMatcher.DNS)
                .map(name -> name.text().toLowerCase(Locale.ROOT))
                .toList();
        if (!names.isEmpty()) {
            return names;
        }
        String subject = certificate.getSubjectX500Principal().getName();
        return subject.startsWith("CN=")
                ? List.of(subject.substring(3).replaceAll(",.*", "").toLowerCase(Locale.ROOT))
                : List.of();
    }

    // ---- common_tls_context ----

    private void common(CommonTlsContext common) {
        Fields.of(common, "common_tls_context")
                .honours(
                        "tls_params",
                        "tls_certificates",
                        "tls_certificate_sds_secret_configs",
                        "validation_context",
                        "validation_context_sds_secret_config",
                        "combined_validation_context",
                        "alpn_protocols")
                .refuseOthers(reasons);
        for (int i = 0; i < common.getTlsCertificateSdsSecretConfigsCount(); i++) {
            secret(
                    common.getTlsCertificateSdsSecretConfigs(i),
                    "common_tls_context.tls_certificate_sds_secret_configs[" + i + "]");
        }
        if (common.hasValidationContextSdsSecretConfig()) {
            secret(
                    common.getValidationContextSdsSecretConfig(),
                    "common_tls_context.validation_context_sds_secret_config");
        }
        if (common.hasCombinedValidationContext()) {
            String combined = "common_tls_context.combined_validation_context";
            Fields.of(common.getCombinedValidationContext(), combined)
                    .honours("default_validation_context", "validation_context_sds_secret_config")
                    .refuseOthers(reasons);
            secret(
                    common.getCombinedValidationContext().getValidationContextSdsSecretConfig(),
                    combined + ".validation_context_sds_secret_config");
        }
        var params = common.getTlsParams();
        String path = "common_tls_context.tls_params";
        Fields.of(params, path)
                .honours("tls_minimum_protocol_version", "tls_maximum_protocol_version", "cipher_suites", "ecdh_curves")
                .refuseOthers(reasons);
        if (!OpenSsl.isAvailable() && params.getCipherSuitesCount() + params.getEcdhCurvesCount() > 0) {
            reasons.add(path + ": cipher_suites and ecdh_curves need BoringSSL, which is not to be had here");
        }
        for (int i = 0; i < params.getCipherSuitesCount(); i++) {
            if (params.getCipherSuites(i).startsWith("[")) {
                reasons.add(path + ".cipher_suites[" + i + "]: \"" + params.getCipherSuites(i)
                        + "\" is not supported (expected: one suite, not a group of equal ones)");
            }
        }
        if (versions(params, 3).isEmpty()) {
            reasons.add(path + ".tls_minimum_protocol_version: " + params.getTlsMinimumProtocolVersion()
                    + " is above the maximum (" + params.getTlsMaximumProtocolVersion() + ")");
        }
    }

    // Its own secrets the proxy serves itself, whatever serves them to Envoy; all others come over ADS.
    private void secret(SdsSecretConfig config, String path) {
        Fields.of(config, path).honours("name", "sds_config").refuseOthers(reasons);
        boolean fetched = config.getSdsConfig().hasAds() && secrets.fetches();
        if (!fetched && !secrets.offers(config.getName())) {
            reasons.add(path + ".name: no secret \"" + config.getName() + "\" is to be had here (expected: "
                    + String.join(", ", secrets.names()) + ")");
        }
    }

    /// @throws ConfigRejected with every reason why a secret cannot be used
    public static void check(Secret secret) throws ConfigRejected {
        var contexts = new TlsContexts(new FileSecrets());
        switch (secret.getTypeCase()) {
            case TLS_CERTIFICATE ->
                contexts.keys(CommonTlsContext.newBuilder()
                        .addTlsCertificates(secret.getTlsCertificate())
                        .build());
            case VALIDATION_CONTEXT -> {
                contexts.authorityLater = true; // the name that it is used for may bring the rest
                contexts.rules(
                        CommonTlsContext.newBuilder()
                                .setValidationContext(secret.getValidationContext())
                                .build(),
                        false);
            }
            default ->
                contexts.reasons.add(
                        secret.getTypeCase() + ": not supported (expected: tls_certificate or validation_context)");
        }
        if (!contexts.reasons.isEmpty()) {
            throw new ConfigRejected(contexts.reasons.stream()
                    .map(reason -> reason.replace("common_tls_context.tls_certificates[0]", "tls_certificate")
                            .replace("common_tls_context.", ""))
                    .toList());
        }
    }

    // From 0 = TLS 1.0 to 3 = TLS 1.3.
    private static List<String> versions(TlsParameters params, int maximum) {
        int low = params.getTlsMinimumProtocolVersion() == TlsParameters.TlsProtocol.TLS_AUTO
                ? 2
                : params.getTlsMinimumProtocolVersionValue() - 1;
        int high = params.getTlsMaximumProtocolVersion() == TlsParameters.TlsProtocol.TLS_AUTO
                ? Math.max(maximum, low)
                : params.getTlsMaximumProtocolVersionValue() - 1;
        var all = List.of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3");
        return low > high ? List.of() : all.subList(low, high + 1);
    }

    private static void parameters(TlsParameters params, int maximum, SslContextBuilder builder) {
        List<String> versions = versions(params, maximum);
        builder.protocols(versions);
        if (params.getCipherSuitesCount() > 0) {
            var suites = new ArrayList<>(params.getCipherSuitesList());
            if (versions.contains("TLSv1.3")) {
                suites.addAll(TLS13_SUITES); // those of TLS 1.3 cannot be chosen, in Envoy neither
            }
            builder.ciphers(suites);
        }
        if (params.getEcdhCurvesCount() > 0) {
            builder.option(
                    OpenSslContextOption.GROUPS, params.getEcdhCurvesList().toArray(String[]::new));
        }
    }

    private static void alpn(List<String> protocols, SslContextBuilder builder) {
        if (!protocols.isEmpty()) {
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    protocols));
        }
    }

    // ---- certificates ----

    private record KeyPair(PrivateKey key, List<X509Certificate> chain) {}

    private List<KeyPair> keys(CommonTlsContext common) {
        var keys = new ArrayList<KeyPair>();
        for (int i = 0; i < common.getTlsCertificatesCount(); i++) {
            TlsCertificate proto = common.getTlsCertificates(i);
            String path = "common_tls_context.tls_certificates[" + i + "]";
            Fields.of(proto, path)
                    .honours("certificate_chain", "private_key", "password")
                    .refuseOthers(reasons);
            byte[] chain = bytes(proto.getCertificateChain(), path + ".certificate_chain");
            byte[] key = bytes(proto.getPrivateKey(), path + ".private_key");
            byte[] password = proto.hasPassword() ? bytes(proto.getPassword(), path + ".password") : new byte[0];
            if (chain == null || key == null || password == null) {
                continue;
            }
            try {
                List<X509Certificate> certificates = Pem.certificates(chain);
                try {
                    PrivateKey own = Pem.privateKey(
                            key,
                            new String(password, StandardCharsets.UTF_8).strip().toCharArray());
                    Pem.checkBelongs(own, certificates.getFirst());
                    keys.add(new KeyPair(own, certificates));
                } catch (GeneralSecurityException e) {
                    reasons.add(path + ".private_key: " + e.getMessage());
                }
            } catch (GeneralSecurityException e) {
                reasons.add(path + ".certificate_chain: " + e.getMessage());
            }
        }
        return keys;
    }

    private byte @Nullable [] bytes(DataSource source, String path) {
        if (source.hasWatchedDirectory()) {
            reasons.add(path + ".watched_directory: not supported");
        }
        return switch (source.getSpecifierCase()) {
            case FILENAME -> file(source.getFilename(), path + ".filename");
            case INLINE_BYTES -> source.getInlineBytes().toByteArray();
            case INLINE_STRING -> source.getInlineStringBytes().toByteArray();
            case ENVIRONMENT_VARIABLE -> {
                String value = System.getenv(source.getEnvironmentVariable());
                if (value == null) {
                    reasons.add(path + ".environment_variable: \"" + source.getEnvironmentVariable() + "\" is not set");
                }
                yield value == null ? null : value.getBytes(StandardCharsets.UTF_8);
            }
            case SPECIFIER_NOT_SET -> {
                reasons.add(path + ": missing (expected: filename, inline_string, inline_bytes or"
                        + " environment_variable)");
                yield null;
            }
        };
    }

    private byte @Nullable [] file(String name, String path) {
        try {
            return Files.readAllBytes(Path.of(name));
        } catch (NoSuchFileException e) {
            reasons.add(path + ": \"" + name + "\" does not exist");
        } catch (IOException e) {
            reasons.add(path + ": \"" + name + "\" cannot be read (" + e.getMessage() + ")");
        }
        return null;
    }

    // ---- validation_context ----

    @SuppressWarnings("deprecation") // match_subject_alt_names is what some still write
    private PeerVerifier.Rules rules(CommonTlsContext common, boolean checksServerName) {
        CertificateValidationContext proto = common.getValidationContext();
        String path = "common_tls_context.validation_context";
        Fields.of(proto, path)
                .honours(
                        "trusted_ca",
                        "match_typed_subject_alt_names",
                        "match_subject_alt_names",
                        "verify_certificate_spki",
                        "verify_certificate_hash",
                        "max_verify_depth",
                        "crl")
                .offOnly("require_signed_certificate_timestamp")
                .refuseOthers(reasons);
        var names = new ArrayList<SanMatcher>();
        for (int i = 0; i < proto.getMatchTypedSubjectAltNamesCount(); i++) {
            names.addAll(SanMatcher.compile(
                    proto.getMatchTypedSubjectAltNames(i),
                    path + ".match_typed_subject_alt_names[" + i + "]",
                    reasons));
        }
        if (proto.getMatchTypedSubjectAltNamesCount() == 0) {
            for (int i = 0; i < proto.getMatchSubjectAltNamesCount(); i++) {
                names.addAll(SanMatcher.anyKind(
                        proto.getMatchSubjectAltNames(i), path + ".match_subject_alt_names[" + i + "]", reasons));
            }
        }
        if ((!names.isEmpty() || checksServerName) && !proto.hasTrustedCa() && !authorityLater) {
            reasons.add(path + ".trusted_ca: missing (expected: names are only worth something if an authority that is"
                    + " trusted has signed them)");
        }
        Set<String> hashes = new HashSet<>();
        for (int i = 0; i < proto.getVerifyCertificateHashCount(); i++) {
            String hash = proto.getVerifyCertificateHash(i).replace(":", "").toLowerCase(Locale.ROOT);
            if (!hash.matches("[0-9a-f]{64}")) {
                reasons.add(path + ".verify_certificate_hash[" + i + "]: \"" + proto.getVerifyCertificateHash(i)
                        + "\" (expected: SHA-256 in hex digits)");
            }
            hashes.add(hash);
        }
        return new PeerVerifier.Rules(
                authorities(proto, path),
                List.copyOf(names),
                Set.copyOf(hashes),
                Set.copyOf(proto.getVerifyCertificateSpkiList()),
                checksServerName);
    }

    private List<X509CRL> revocations(CertificateValidationContext proto, String path) {
        byte[] pem = bytes(proto.getCrl(), path + ".crl");
        try {
            return pem == null ? List.of() : Pem.revocationLists(pem);
        } catch (GeneralSecurityException e) {
            reasons.add(path + ".crl: " + e.getMessage());
            return List.of();
        }
    }

    private @Nullable X509TrustManager authorities(CertificateValidationContext proto, String path) {
        if (!proto.hasTrustedCa()) {
            if (proto.hasCrl() && !authorityLater) {
                reasons.add(path + ".crl: has no effect without trusted_ca (expected: the authorities that have"
                        + " revoked)");
            }
            return null;
        }
        List<X509CRL> revoked = proto.hasCrl() ? revocations(proto, path) : List.of();
        byte[] pem = bytes(proto.getTrustedCa(), path + ".trusted_ca");
        if (pem == null) {
            return null;
        }
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            int number = 0;
            for (X509Certificate authority : Pem.certificates(pem)) {
                store.setCertificateEntry("ca" + number++, authority);
            }
            var parameters = new PKIXBuilderParameters(store, new X509CertSelector());
            // Of every certificate of a chain, by these lists alone: without one of its authority, whose time has not
            // passed, a certificate is refused (BoringSSL, X509_V_FLAG_CRL_CHECK_ALL). The JDK's own checker asks
            // nobody over the network; one that is made for it would.
            parameters.setRevocationEnabled(!revoked.isEmpty());
            if (!revoked.isEmpty()) {
                parameters.addCertStore(
                        CertStore.getInstance("Collection", new CollectionCertStoreParameters(revoked)));
            }
            parameters.setMaxPathLength(
                    proto.hasMaxVerifyDepth() ? proto.getMaxVerifyDepth().getValue() : MAX_DEPTH);
            var factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(new CertPathTrustManagerParameters(parameters));
            for (TrustManager manager : factory.getTrustManagers()) {
                if (manager instanceof X509TrustManager found) {
                    return found;
                }
            }
            throw new IllegalStateException("the JDK has no trust manager for X.509");
        } catch (IOException | GeneralSecurityException e) {
            reasons.add(path + ".trusted_ca: " + e.getMessage());
            return null;
        }
    }
}
