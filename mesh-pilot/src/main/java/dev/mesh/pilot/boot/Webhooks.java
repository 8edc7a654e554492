package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.push.PushContextBuilder;
import dev.mesh.pilot.webhook.ClusterSettings;
import dev.mesh.pilot.webhook.ServingCertificate;
import dev.mesh.pilot.webhook.ValidationPolicy;
import dev.mesh.pilot.webhook.WebhookServer;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The admission webhooks of a pilot on Kubernetes: settings followed, port served, validation made binding.
public final class Webhooks implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(Webhooks.class);
    // Looking at an object beside all others costs what a snapshot costs.
    private static final int MOST_OBJECTS = 5000;

    private final ClusterSettings settings;
    private final WebhookServer server;
    private final ValidationPolicy policy;

    /// Reads the settings and binds; serves from [#start] on.
    ///
    /// @param namespace of the pilot
    /// @param objects what the pilot knows now
    /// @throws IOException with a sentence if the port cannot be had
    public Webhooks(
            KubernetesClient client,
            String namespace,
            String revision,
            InetSocketAddress address,
            ServingCertificate certificate,
            Supplier<Collection<MeshObject>> objects)
            throws IOException {
        settings = new ClusterSettings(client, namespace, revision);
        server = new WebhookServer(address, certificate, settings, objects, object -> across(object, objects.get()));
        policy = new ValidationPolicy(client, namespace, revision, settings::refreshVersion);
    }

    public void start() {
        server.start();
        policy.start();
        LOGGER.atInfo().log("injection: {}", settings.describe());
    }

    public int port() {
        return server.port();
    }

    /// What is said of all objects with this one that is not said without it.
    static List<Finding> across(MeshObject object, Collection<MeshObject> known) {
        if (known.size() > MOST_OBJECTS) {
            return List.of();
        }
        var others = new ArrayList<>(known);
        others.removeIf(other -> other.ref().equals(object.ref()));
        var before = new HashSet<String>();
        PushContextBuilder.build(1, others).findings().forEach(finding -> before.add(said(finding)));
        others.add(object);
        return PushContextBuilder.build(1, others).findings().stream()
                .filter(finding -> !before.contains(said(finding)))
                .map(finding -> object.ref().equals(finding.about())
                        ? finding
                        : new Finding(
                                finding.code(),
                                finding.about(),
                                finding.about() + " " + finding.path(),
                                finding.message(),
                                null))
                .toList();
    }

    private static String said(Finding finding) {
        return finding.code() + " " + finding.about() + " " + finding.path() + " " + finding.message();
    }

    @Override
    public void close() {
        policy.close();
        server.close();
        settings.close();
    }
}
