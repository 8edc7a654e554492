package dev.mesh.pilot.kube;

import dev.mesh.pilot.kubeconfig.Changed;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorRequirement;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfiguration;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Under which names the pilot's revision is known: its own, and the tags that lead to it. They stand in the injectors'
/// webhook configurations, those of the charts (which select by `istio.io/rev`) and those that `istioctl tag set` makes
/// (label `istio.io/tag`). Any thread.
final class RevisionTags implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(RevisionTags.class);
    private static final String TAG = "istio.io/tag";

    private final String revision;
    private final Runnable onChange;
    private final Runnable onSync;
    private final SharedIndexInformer<MutatingWebhookConfiguration> informer;
    private volatile Set<String> names;
    private volatile boolean settled;
    private volatile String trouble = "";

    /// @param onChange called after the names changed
    /// @param onSync called when it has been read, or when it is clear that it cannot be
    RevisionTags(KubernetesClient client, String revision, Runnable onChange, Runnable onSync) {
        this.revision = revision;
        this.onChange = onChange;
        this.onSync = onSync;
        names = Set.of(revision);
        informer = client.admissionRegistration()
                .v1()
                .mutatingWebhookConfigurations()
                .withLabel(KubeObjects.REVISION, revision)
                .runnableInformer(0)
                .addEventHandler(new Changed<>(this::look, this::settled))
                .exceptionHandler((started, why) -> {
                    failed(why);
                    return true;
                });
    }

    void start() {
        informer.start();
    }

    /// The names, as of now.
    Set<String> names() {
        return names;
    }

    /// Whether it has been read, or cannot be for now: then the revision has its own name alone.
    boolean isSettled() {
        return settled;
    }

    /// Why the tags cannot be followed now, as a sentence; empty if they can.
    String trouble() {
        return trouble.isEmpty() ? "" : "cannot watch the tags of revision " + revision + ": " + trouble;
    }

    private void failed(Throwable why) {
        String now = KindWatch.reason(why, "mutatingwebhookconfigurations");
        if (!now.equals(trouble)) {
            LOGGER.atWarn().log("tags of revision {} cannot be read: {}; what was read stays", revision, now);
        }
        trouble = now;
        settled();
    }

    private void settled() {
        settled = true;
        onSync.run();
    }

    private void look() {
        trouble = "";
        var found = new TreeSet<String>();
        found.add(revision);
        informer.getStore().list().forEach(configuration -> found.addAll(tags(configuration)));
        Set<String> now = Set.copyOf(found);
        boolean changed = !now.equals(names);
        names = now;
        settled();
        if (changed) {
            LOGGER.atInfo()
                    .addKeyValue("revision", revision)
                    .addKeyValue("names", found)
                    .log("objects of these revisions are read");
            onChange.run();
        }
    }

    /// Pure.
    static Set<String> tags(MutatingWebhookConfiguration configuration) {
        var tags = new TreeSet<String>();
        Map<String, String> labels = configuration.getMetadata().getLabels();
        if (labels != null && labels.containsKey(TAG)) {
            tags.add(labels.get(TAG));
        }
        configuration.getWebhooks().forEach(webhook -> {
            add(webhook.getNamespaceSelector(), tags);
            add(webhook.getObjectSelector(), tags);
        });
        return tags;
    }

    private static void add(@Nullable LabelSelector selector, Set<String> tags) {
        if (selector == null) {
            return;
        }
        for (LabelSelectorRequirement requirement : selector.getMatchExpressions()) {
            if (requirement.getKey().equals(KubeObjects.REVISION)
                    && requirement.getOperator().equals("In")) {
                tags.addAll(requirement.getValues());
            }
        }
    }

    @Override
    public void close() {
        informer.stop();
    }
}
