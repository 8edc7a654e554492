package dev.mesh.pilot.webhook;

import dev.mesh.pilot.inject.InjectionSettings;
import dev.mesh.pilot.inject.Names;
import dev.mesh.pilot.inject.NativeSidecars;
import dev.mesh.pilot.kubeconfig.Changed;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfiguration;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.VersionInfo;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The injector's settings as they stand in the cluster, followed live: ConfigMaps `mesh-sidecar-injector` and `mesh`,
/// namespaces, and whether another injector is there. A ConfigMap that cannot be read leaves the last good one in
/// effect.
public final class ClusterSettings implements InjectorState, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(ClusterSettings.class);

    private final KubernetesClient client;
    private final String namespace;
    private final String revision;
    private final List<SharedIndexInformer<?>> informers = new ArrayList<>();
    private final SharedIndexInformer<Namespace> namespaces;
    private final SharedIndexInformer<MutatingWebhookConfiguration> injectors;
    private final SharedIndexInformer<ConfigMap> injector;
    private final SharedIndexInformer<ConfigMap> mesh;
    private volatile NativeSidecars nativeSidecars = NativeSidecars.NONE;
    private volatile InjectionSettings settings;
    private boolean known;
    private @Nullable String trouble;

    /// Reads everything once; returns when it is known.
    ///
    /// @param namespace of the pilot
    /// @throws KubernetesClientException with a sentence that names the permission or the address, if it cannot
    public ClusterSettings(KubernetesClient client, String namespace, String revision) {
        this.client = client;
        this.namespace = namespace;
        this.revision = revision;
        settings = InjectionSettings.read("", "", "", revision, namespace);
        refreshVersion();
        injector = follow(
                "ConfigMaps of " + namespace,
                () -> client.configMaps()
                        .inNamespace(namespace)
                        .withName(named("mesh-sidecar-injector"))
                        .inform(new Changed<>(this::join)));
        mesh = follow(
                "ConfigMaps of " + namespace,
                () -> client.configMaps()
                        .inNamespace(namespace)
                        .withName(named("mesh"))
                        .inform(new Changed<>(this::join)));
        namespaces = follow("namespaces", () -> client.namespaces().inform(new Changed<>(() -> {})));
        injectors = follow(
                "MutatingWebhookConfigurations",
                () -> client.admissionRegistration()
                        .v1()
                        .mutatingWebhookConfigurations()
                        .inform(new Changed<>(this::join)));
        join();
    }

    private interface Opening<T extends HasMetadata> {
        SharedIndexInformer<T> open();
    }

    private <T extends HasMetadata> SharedIndexInformer<T> follow(String what, Opening<T> opening) {
        try {
            SharedIndexInformer<T> informer = opening.open();
            informers.add(informer);
            return informer;
        } catch (KubernetesClientException e) {
            close();
            throw new KubernetesClientException(
                    "webhooks: " + what
                            + " cannot be followed (expected: get, list and watch for this service account): "
                            + e.getMessage(),
                    e);
        }
    }

    private String named(String name) {
        return revision.equals(InjectionSettings.DEFAULT_REVISION) ? name : name + "-" + revision;
    }

    private synchronized void join() {
        if (injectors == null) {
            return; // not all are open yet
        }
        if (injector.getStore().list().isEmpty() && known) {
            tell("ConfigMap " + namespace + "/" + named("mesh-sidecar-injector") + " is gone");
            return;
        }
        known = !injector.getStore().list().isEmpty();
        try {
            InjectionSettings read = InjectionSettings.read(
                            data(injector, "config"), data(injector, "values"), data(mesh, "mesh"), revision, namespace)
                    .withNativeSidecars(nativeSidecars);
            boolean honoured = switch (read.istioLabelsWanted()) {
                case "true" -> true;
                case "false" -> false;
                default -> others(injectors.getStore().list()).isEmpty();
            };
            settings = read.withIstioLabels(honoured);
            trouble = null;
        } catch (IllegalArgumentException e) {
            tell(String.valueOf(e.getMessage()));
        }
    }

    private void tell(String what) {
        if (!what.equals(trouble)) {
            trouble = what;
            LOGGER.atError().log("{}; the injector's last good settings stay", what);
        }
    }

    private static String data(SharedIndexInformer<ConfigMap> informer, String key) {
        return informer.getStore().list().stream()
                .map(ConfigMap::getData)
                .filter(data -> data != null && data.containsKey(key))
                .map(data -> data.get(key))
                .findFirst()
                .orElse("");
    }

    /// Names of the configurations by which Istio injects.
    static Collection<String> others(Collection<MutatingWebhookConfiguration> all) {
        var names = new TreeSet<String>();
        for (MutatingWebhookConfiguration configuration : all) {
            for (MutatingWebhook webhook : configuration.getWebhooks()) {
                var service = webhook.getClientConfig().getService();
                boolean ours = service != null && service.getName().startsWith("mesh-pilot");
                boolean istios = webhook.getName().endsWith("sidecar-injector.istio.io")
                        || (service != null && Pattern.matches("istiod(-.*)?", service.getName()));
                if (istios && !ours) {
                    names.add(configuration.getMetadata().getName());
                }
            }
        }
        return names;
    }

    /// Asks the API server for its version, which a cluster's upgrade changes. Blocks.
    public void refreshVersion() {
        try {
            NativeSidecars supported = nativeSidecars(client.getKubernetesVersion());
            if (supported != nativeSidecars) {
                nativeSidecars = supported;
                join();
            }
        } catch (KubernetesClientException e) {
            LOGGER.atWarn().log("the API server does not say its version ({})", e.getMessage());
        }
    }

    /// What an API server of this version knows of native sidecars.
    public static NativeSidecars nativeSidecars(@Nullable VersionInfo version) {
        return version == null ? NativeSidecars.NONE : NativeSidecars.of(version.getMajor() + "." + version.getMinor());
    }

    @Override
    public InjectionSettings settings() {
        return settings;
    }

    @Override
    public Map<String, String> namespaceLabels(String name) {
        return labels(namespaces.getStore().getByKey(name));
    }

    @Override
    public Map<String, String> freshNamespaceLabels(String name) {
        return labels(client.namespaces().withName(name).get());
    }

    private static Map<String, String> labels(@Nullable Namespace found) {
        Map<String, String> labels = found == null ? null : found.getMetadata().getLabels();
        return labels == null ? Map.of() : labels;
    }

    /// For logs: what is known of other injectors.
    public String describe() {
        Collection<String> others = others(injectors.getStore().list());
        return settings.istioLabels()
                ? "Istio's labels are honoured"
                : "only " + Names.MESH_INJECTION + " is honoured"
                        + (others.isEmpty()
                                ? ""
                                : ", since Istio's injector is there (" + String.join(", ", others) + ")");
    }

    @Override
    public void close() {
        informers.forEach(SharedIndexInformer::close);
    }
}
