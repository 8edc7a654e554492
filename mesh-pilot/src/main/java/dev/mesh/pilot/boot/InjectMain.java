package dev.mesh.pilot.boot;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.JsonTree;
import dev.mesh.pilot.inject.InjectionSettings;
import dev.mesh.pilot.inject.Manifests;
import dev.mesh.pilot.inject.NativeSidecars;
import dev.mesh.pilot.inject.Yaml;
import dev.mesh.pilot.kubeconfig.KubernetesClients;
import dev.mesh.pilot.webhook.CheckInject;
import dev.mesh.pilot.webhook.ClusterSettings;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `mesh-pilot inject` and `mesh-pilot check-inject`: injection without a server, for `meshctl`. Settings come from
/// files, or else from the cluster. Answers with JSON.
final class InjectMain {
    private static final int ATTEMPTS = 2;
    private static final int SECONDS = 10;

    private final List<String> files = new ArrayList<>();
    private @Nullable String config;
    private @Nullable String values;
    private @Nullable String mesh;
    private String kubeconfig = "";
    private String context = "";
    private String namespace = InjectionSettings.DEFAULT_NAMESPACE;
    private String revision = InjectionSettings.DEFAULT_REVISION;
    private String nativeSidecars = "";
    private String object = "";
    private String objectNamespace = "default";
    private String server = "";

    private InjectMain() {}

    /// @param args after the command's name
    /// @return JSON: `{"yaml", "findings", "skipped", "refused"}`, or [CheckInject]'s answer
    /// @throws IllegalArgumentException with a sentence
    /// @throws IOException with a sentence
    static String run(String command, List<String> args) throws IOException {
        var main = new InjectMain();
        main.take(args);
        return command.equals("inject") ? main.inject() : main.check();
    }

    private void take(List<String> args) {
        for (int i = 0; i < args.size(); i += 2) {
            if (i + 1 >= args.size()) {
                throw new IllegalArgumentException(args.get(i) + ": its value is missing");
            }
            String value = args.get(i + 1);
            switch (args.get(i)) {
                case "--file" -> files.add(value);
                case "--inject-config" -> config = value;
                case "--values" -> values = value;
                case "--mesh-config" -> mesh = value;
                case "--kubeconfig" -> kubeconfig = value;
                case "--context" -> context = value;
                case "--namespace" -> namespace = value;
                case "--revision" -> revision = value;
                case "--native-sidecars" -> nativeSidecars = value;
                case "--object" -> object = value;
                case "--object-namespace" -> objectNamespace = value;
                default -> throw new IllegalArgumentException(args.get(i) + ": unknown option");
            }
        }
        if (!List.of("", "true", "false").contains(nativeSidecars)) {
            throw new IllegalArgumentException("--native-sidecars " + nativeSidecars + " (expected: true or false)");
        }
    }

    private boolean fromFiles() {
        return config != null || values != null || mesh != null;
    }

    private String inject() throws IOException {
        InjectionSettings settings;
        if (fromFiles()) {
            settings = settings(read(config), read(values), read(mesh), NativeSidecars.USUAL);
        } else {
            try (KubernetesClient client = client()) {
                settings = fromCluster(client);
            }
        }
        var objects = new ArrayList<JsonElement>();
        for (String file : files) {
            try {
                objects.addAll(JsonTree.parseAll(read(file)));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
            }
        }
        Manifests.Result result = Manifests.inject(objects, settings);
        var yaml = new StringBuilder();
        result.objects()
                .forEach(done -> yaml.append(yaml.isEmpty() ? "" : "---\n").append(Yaml.print(done)));
        var findings = new JsonArray();
        result.findings().forEach(finding -> findings.add(finding.toString()));
        var skipped = new JsonArray();
        result.skipped().forEach(skipped::add);
        var answer = new JsonObject();
        answer.addProperty("yaml", yaml.toString());
        answer.add("findings", findings);
        answer.add("skipped", skipped);
        answer.addProperty("refused", result.refused());
        return answer.toString();
    }

    private String check() {
        int slash = object.indexOf('/');
        String kind = slash < 0 ? "pod" : kind(object.substring(0, slash));
        try (KubernetesClient client = client()) {
            return new CheckInject(client, fromCluster(client))
                    .check(kind, objectNamespace, object.substring(slash + 1))
                    .toString();
        } catch (KubernetesClientException e) {
            throw unreachable(e);
        }
    }

    private static String kind(String text) {
        return switch (text) {
            case "po", "pods" -> "pod";
            case "deploy", "deployments" -> "deployment";
            case "sts", "statefulsets" -> "statefulset";
            case "ds", "daemonsets" -> "daemonset";
            case "rs", "replicasets" -> "replicaset";
            case "jobs" -> "job";
            default -> text;
        };
    }

    private InjectionSettings settings(
            String configText, String valuesText, String meshText, NativeSidecars supported) {
        return InjectionSettings.read(configText, valuesText, meshText, revision, namespace)
                .withNativeSidecars(
                        switch (nativeSidecars) {
                            case "true" -> NativeSidecars.USUAL;
                            case "false" -> NativeSidecars.NONE;
                            default -> supported;
                        });
    }

    private InjectionSettings fromCluster(KubernetesClient client) {
        try {
            String suffix = revision.equals(InjectionSettings.DEFAULT_REVISION) ? "" : "-" + revision;
            var injector = client.configMaps()
                    .inNamespace(namespace)
                    .withName("mesh-sidecar-injector" + suffix)
                    .get();
            if (injector == null) {
                throw new IllegalArgumentException("ConfigMap " + namespace + "/mesh-sidecar-injector" + suffix
                        + " is not in the cluster (expected: an installed mesh-pilot, or --inject-config, --values or"
                        + " --mesh-config with files)");
            }
            var mesh = client.configMaps()
                    .inNamespace(namespace)
                    .withName("mesh" + suffix)
                    .get();
            return settings(
                    injector.getData().getOrDefault("config", ""),
                    injector.getData().getOrDefault("values", ""),
                    mesh == null || mesh.getData() == null ? "" : mesh.getData().getOrDefault("mesh", ""),
                    nativeSidecars(client));
        } catch (KubernetesClientException e) {
            throw unreachable(e);
        }
    }

    private static NativeSidecars nativeSidecars(KubernetesClient client) {
        NativeSidecars supported = ClusterSettings.nativeSidecars(client.getKubernetesVersion());
        try {
            for (var node : client.nodes().list().getItems()) {
                if (node.getStatus() != null && node.getStatus().getNodeInfo() != null) {
                    supported = supported.and(
                            NativeSidecars.of(node.getStatus().getNodeInfo().getKubeletVersion()));
                }
            }
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
                throw e;
            }
            // Not everybody may list nodes; the API server's version is what is left.
        }
        return supported;
    }

    private IllegalArgumentException unreachable(KubernetesClientException e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        String why = e.getStatus() != null && e.getStatus().getMessage() != null
                ? e.getStatus().getMessage()
                : server + " gives no answer ("
                        + (cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage()) + ")";
        return new IllegalArgumentException(
                "the cluster cannot be asked: " + why
                        + " (expected: --kubeconfig, or --inject-config, --values or --mesh-config with files)",
                e);
    }

    private KubernetesClient client() throws KubernetesClientException {
        Config base = kubeconfig.isEmpty()
                ? Config.autoConfigure(context.isEmpty() ? null : context)
                : Config.fromKubeconfig(Path.of(kubeconfig).toFile());
        if (!kubeconfig.isEmpty() && !context.isEmpty()) {
            throw new IllegalArgumentException("--context goes with the default kubeconfig (set KUBECONFIG instead)");
        }
        server = base.getMasterUrl();
        return KubernetesClients.open(new ConfigBuilder(base)
                .withRequestRetryBackoffLimit(ATTEMPTS)
                .withConnectionTimeout(SECONDS * 1000)
                .withRequestTimeout(SECONDS * 1000)
                .build());
    }

    @SuppressWarnings("SystemIn") // what the user pipes in
    private static String read(@Nullable String file) throws IOException {
        if (file == null) {
            return "";
        }
        if (file.equals("-")) {
            InputStream in = System.in;
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        try {
            return Files.readString(Path.of(file));
        } catch (IOException e) {
            throw new IOException(file + ": " + ConfigFolder.reason(e), e);
        }
    }
}
