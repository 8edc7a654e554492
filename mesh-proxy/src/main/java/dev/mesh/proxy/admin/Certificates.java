package dev.mesh.proxy.admin;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.proxy.load.Entry;
import dev.mesh.proxy.tls.Secrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// The certificates that listeners and clusters name, and those of this workload, read as they are now, in the form of
/// `envoy.admin.v3.Certificates`.
final class Certificates {
    private Certificates() {}

    private record Pair(DataSource authority, DataSource own) {}

    static JsonObject of(List<Entry> entries, Secrets secrets) {
        Set<Pair> pairs = new LinkedHashSet<>();
        var own = DataSource.getDefaultInstance();
        var authority = DataSource.getDefaultInstance();
        for (Secret secret : secrets.all()) {
            if (secret.hasTlsCertificate()) {
                own = secret.getTlsCertificate().getCertificateChain();
            } else {
                authority = secret.getValidationContext().getTrustedCa();
            }
        }
        if (!own.equals(authority)) {
            pairs.add(new Pair(authority, own));
        }
        for (Entry entry : entries) {
            Any body = entry.body();
            if (body != null) {
                try {
                    collect(body, pairs, secrets);
                } catch (InvalidProtocolBufferException e) {
                    throw new IllegalStateException("it was unpacked when it was loaded", e);
                }
            }
        }
        var all = new JsonArray();
        for (Pair pair : pairs) {
            var one = new JsonObject();
            one.add("ca_cert", chain(pair.authority()));
            one.add("cert_chain", chain(pair.own()));
            all.add(one);
        }
        var root = new JsonObject();
        root.add("certificates", all);
        return root;
    }

    private static void collect(Any body, Set<Pair> pairs, Secrets secrets) throws InvalidProtocolBufferException {
        if (body.is(Listener.class)) {
            var listener = body.unpack(Listener.class);
            for (var chain : listener.getFilterChainsList()) {
                collect(chain.getTransportSocket(), pairs, secrets);
            }
            collect(listener.getDefaultFilterChain().getTransportSocket(), pairs, secrets);
        } else if (body.is(Cluster.class)) {
            collect(body.unpack(Cluster.class).getTransportSocket(), pairs, secrets);
        }
    }

    private static void collect(TransportSocket socket, Set<Pair> pairs, Secrets secrets)
            throws InvalidProtocolBufferException {
        Any typed = socket.getTypedConfig();
        CommonTlsContext context;
        if (typed.is(DownstreamTlsContext.class)) {
            context = typed.unpack(DownstreamTlsContext.class).getCommonTlsContext();
        } else if (typed.is(UpstreamTlsContext.class)) {
            context = typed.unpack(UpstreamTlsContext.class).getCommonTlsContext();
        } else {
            return;
        }
        DataSource authority = authority(context, secrets);
        List<DataSource> own = new ArrayList<>();
        context.getTlsCertificatesList().forEach(certificate -> own.add(certificate.getCertificateChain()));
        context.getTlsCertificateSdsSecretConfigsList().forEach(config -> {
            Secret secret = secrets.find(config.getName());
            if (secret != null) {
                own.add(secret.getTlsCertificate().getCertificateChain());
            }
        });
        if (own.isEmpty()) {
            own.add(DataSource.getDefaultInstance());
        }
        own.forEach(chain -> pairs.add(new Pair(authority, chain)));
    }

    private static DataSource authority(CommonTlsContext context, Secrets secrets) {
        var combined = context.getCombinedValidationContext();
        String name = combined.hasValidationContextSdsSecretConfig()
                ? combined.getValidationContextSdsSecretConfig().getName()
                : context.getValidationContextSdsSecretConfig().getName();
        Secret secret = name.isEmpty() ? null : secrets.find(name);
        if (secret != null && secret.getValidationContext().hasTrustedCa()) {
            return secret.getValidationContext().getTrustedCa();
        }
        return context.hasCombinedValidationContext()
                ? combined.getDefaultValidationContext().getTrustedCa()
                : context.getValidationContext().getTrustedCa();
    }

    private static JsonArray chain(DataSource source) {
        var all = new JsonArray();
        try (InputStream in = open(source)) {
            Collection<? extends java.security.cert.Certificate> found =
                    CertificateFactory.getInstance("X.509").generateCertificates(in);
            for (var certificate : found) {
                if (certificate instanceof X509Certificate x509) {
                    all.add(one(source, x509));
                }
            }
        } catch (IOException | CertificateException e) {
            // The proxy said so when it loaded the resource; there is no certificate to show.
            return new JsonArray();
        }
        return all;
    }

    private static InputStream open(DataSource source) throws IOException {
        return switch (source.getSpecifierCase()) {
            case FILENAME -> Files.newInputStream(Path.of(source.getFilename()));
            case INLINE_BYTES -> source.getInlineBytes().newInput();
            case INLINE_STRING ->
                new ByteArrayInputStream(source.getInlineString().getBytes(StandardCharsets.UTF_8));
            case ENVIRONMENT_VARIABLE, SPECIFIER_NOT_SET -> InputStream.nullInputStream();
        };
    }

    private static JsonObject one(DataSource source, X509Certificate certificate) throws CertificateException {
        var json = new JsonObject();
        json.addProperty("path", source.getFilename().isEmpty() ? "<inline>" : source.getFilename());
        json.addProperty("serial_number", certificate.getSerialNumber().toString(16));
        var names = new JsonArray();
        Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
        if (alternatives != null) {
            for (List<?> name : alternatives) {
                String kind = switch ((Integer) name.getFirst()) {
                    case 2 -> "dns";
                    case 6 -> "uri";
                    case 7 -> "ip_address";
                    default -> "";
                };
                if (!kind.isEmpty()) {
                    var one = new JsonObject();
                    one.addProperty(kind, String.valueOf(name.get(1)));
                    names.add(one);
                }
            }
        }
        json.add("subject_alt_names", names);
        Instant until = certificate.getNotAfter().toInstant();
        long days = Math.max(0, Duration.between(Instant.now(), until).toDays());
        json.addProperty("days_until_expiration", Long.toString(days));
        json.addProperty("valid_from", certificate.getNotBefore().toInstant().toString());
        json.addProperty("expiration_time", until.toString());
        return json;
    }
}
