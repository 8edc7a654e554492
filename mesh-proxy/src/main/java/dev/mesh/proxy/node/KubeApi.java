package dev.mesh.proxy.node;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.proxy.filter.ConfigRejected;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// The API server, asked as a pod does: with the token and the root certificate of its service account, which are read
/// anew when they are needed, since they change. The JDK's plain client: it costs nothing. Blocks; thread-safe.
final class KubeApi {
    private static final int CONNECT_MILLIS = 5_000;
    private static final int READ_MILLIS = 10_000;

    private final URI server;
    private final Path account;

    /// @param server without a path
    /// @param account the folder with `token` and `ca.crt`
    KubeApi(URI server, Path account) {
        this.server = server;
        this.account = account;
    }

    /// As every pod reaches it.
    static KubeApi inCluster(Map<String, String> environment) throws ConfigRejected {
        String host = environment.getOrDefault("KUBERNETES_SERVICE_HOST", "");
        String port = environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443");
        if (host.isEmpty()) {
            throw new ConfigRejected("KUBERNETES_SERVICE_HOST is not set (expected: to run in a pod)");
        }
        return new KubeApi(
                URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port),
                Path.of("/var/run/secrets/kubernetes.io/serviceaccount"));
    }

    /// The API server has answered, and not as was wished for.
    static final class Refused extends IOException {
        private static final long serialVersionUID = 1;
        private final int status;

        private Refused(int status, String message) {
            super(message);
            this.status = status;
        }

        /// HTTP's.
        int status() {
            return status;
        }
    }

    /// @param path with the query
    /// @throws Refused if it answers with an error
    /// @throws IOException with a sentence, if it cannot be reached
    JsonObject get(String path) throws IOException {
        return call("GET", path, null);
    }

    JsonObject put(String path, JsonObject body) throws IOException {
        return call("PUT", path, body);
    }

    JsonObject post(String path, JsonObject body) throws IOException {
        return call("POST", path, body);
    }

    JsonObject delete(String path, JsonObject options) throws IOException {
        return call("DELETE", path, options);
    }

    private JsonObject call(String method, String path, @Nullable JsonObject body) throws IOException {
        var connection = (HttpsURLConnection) server.resolve(path).toURL().openConnection();
        connection.setSSLSocketFactory(tls().getSocketFactory());
        connection.setConnectTimeout(CONNECT_MILLIS);
        connection.setReadTimeout(READ_MILLIS);
        connection.setRequestMethod(method);
        connection.setRequestProperty("Accept", "application/json");
        connection.setRequestProperty(
                "Authorization",
                "Bearer " + Files.readString(account.resolve("token")).strip());
        if (body != null) {
            connection.setRequestProperty("Content-Type", "application/json");
            connection.setDoOutput(true);
        }
        int status;
        String text;
        try {
            if (body != null) {
                try (var out = connection.getOutputStream()) {
                    out.write(body.toString().getBytes(StandardCharsets.UTF_8));
                }
            }
            status = connection.getResponseCode();
            try (InputStream in = status >= 400 ? connection.getErrorStream() : connection.getInputStream()) {
                text = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            throw new IOException("the API server " + server + " cannot be asked: " + e.getMessage(), e);
        }
        JsonObject answer = parse(text);
        if (status >= 400) {
            String message = Json.text(answer, "message");
            throw new Refused(
                    status,
                    method + " " + path + ": the API server says " + status
                            + (message.isEmpty() ? "" : ", " + message));
        }
        return answer;
    }

    private static JsonObject parse(String text) {
        try {
            return !text.isBlank() && JsonParser.parseString(text) instanceof JsonObject tree ? tree : new JsonObject();
        } catch (JsonParseException e) {
            return new JsonObject();
        }
    }

    private SSLContext tls() throws IOException {
        try {
            byte[] roots = Files.readAllBytes(account.resolve("ca.crt"));
            var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            int i = 0;
            for (var root :
                    CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(roots))) {
                trusted.setCertificateEntry("root" + i++, root);
            }
            var managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(trusted);
            var context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException(account.resolve("ca.crt") + " is no root certificate: " + e.getMessage(), e);
        }
    }
}
