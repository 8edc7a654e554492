package dev.mesh.proxy.tls;

import com.google.protobuf.ByteString;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Secrets that are files, by the names that Istio gives them: `file-root:PATH` and `file-cert:CHAIN~KEY`. A file is
/// read whenever it is asked for, which is once a connection at most, so that one that was replaced is seen.
public final class FileSecrets implements Secrets {
    private static final Logger LOGGER = LoggerFactory.getLogger(FileSecrets.class);
    /// Before the path of a file with authorities.
    public static final String ROOT = "file-root:";
    private static final String CERTIFICATE = "file-cert:";

    private final Map<String, Secret> last = new ConcurrentHashMap<>();
    private final Set<String> unreadable = ConcurrentHashMap.newKeySet();

    @Override
    public boolean offers(String name) {
        return name.startsWith(ROOT) && name.length() > ROOT.length()
                || name.startsWith(CERTIFICATE) && name.indexOf('~') > CERTIFICATE.length();
    }

    @Override
    public List<String> names() {
        return List.of(ROOT + "PATH", CERTIFICATE + "CHAIN~KEY");
    }

    @Override
    public @Nullable Secret find(String name) {
        if (!offers(name)) {
            return null;
        }
        try {
            Secret now = read(name);
            unreadable.remove(name);
            return last.compute(name, (any, before) -> now.equals(before) ? before : now);
        } catch (IOException e) {
            if (unreadable.add(name)) {
                LOGGER.atWarn()
                        .addKeyValue("secret", name)
                        .addKeyValue("reason", e.toString())
                        .log("a secret's file cannot be read; what was read before stays");
            }
            return last.get(name);
        }
    }

    private static Secret read(String name) throws IOException {
        var secret = Secret.newBuilder().setName(name);
        if (name.startsWith(ROOT)) {
            secret.setValidationContext(
                    CertificateValidationContext.newBuilder().setTrustedCa(bytes(name.substring(ROOT.length()))));
        } else {
            int tilde = name.indexOf('~');
            secret.setTlsCertificate(TlsCertificate.newBuilder()
                    .setCertificateChain(bytes(name.substring(CERTIFICATE.length(), tilde)))
                    .setPrivateKey(bytes(name.substring(tilde + 1))));
        }
        return secret.build();
    }

    private static DataSource bytes(String path) throws IOException {
        return DataSource.newBuilder()
                .setInlineBytes(ByteString.copyFrom(Files.readAllBytes(Path.of(path))))
                .build();
    }
}
