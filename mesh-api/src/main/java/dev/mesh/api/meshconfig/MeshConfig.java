package dev.mesh.api.meshconfig;

import dev.mesh.api.object.Spec;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Mesh-wide settings (`istio.mesh.v1alpha1.MeshConfig`), as they stand in a ConfigMap. What the mesh does not look at
/// is kept as a plain tree, so that it can be told.
///
/// @param discoverySelectors namespaces that are read; empty: all
/// @param defaultConfig of all proxies (ProxyConfig), which the injector reads
/// @param trustDomain empty: `cluster.local`
public record MeshConfig(
        @Nullable OutboundTrafficPolicy outboundTrafficPolicy,
        List<LabelSelector> discoverySelectors,
        @Nullable Object defaultConfig,
        String trustDomain,
        @Nullable String accessLogFile,
        @Nullable Object accessLogFormat,
        @Nullable Object accessLogEncoding,
        @Nullable Boolean enablePrometheusMerge,
        @Nullable String rootNamespace,
        @Nullable Object ca,
        @Nullable Object caCertificates,
        @Nullable Object certificates,
        @Nullable Object configSources,
        @Nullable Object connectTimeout,
        @Nullable Object defaultDestinationRuleExportTo,
        @Nullable Object defaultHttpRetryPolicy,
        @Nullable Object defaultProviders,
        @Nullable Object defaultServiceExportTo,
        @Nullable Object defaultTrafficPolicy,
        @Nullable Object defaultVirtualServiceExportTo,
        @Nullable Object disableEnvoyListenerLog,
        @Nullable Object dnsRefreshRate,
        @Nullable Object enableAutoMtls,
        @Nullable Object enableEnvoyAccessLogService,
        @Nullable Object enableTracing,
        @Nullable Object extensionProviders,
        @Nullable Object h2UpgradePolicy,
        @Nullable Object hboneIdleTimeout,
        @Nullable Object inboundClusterStatName,
        @Nullable Object inboundTrafficPolicy,
        @Nullable Object ingressClass,
        @Nullable Object ingressControllerMode,
        @Nullable Object ingressSelector,
        @Nullable Object ingressService,
        @Nullable Object localityLbSetting,
        @Nullable Object meshMTLS,
        @Nullable Object outboundClusterStatName,
        @Nullable Object pathNormalization,
        @Nullable Object protocolDetectionTimeout,
        @Nullable Object proxyHttpPort,
        @Nullable Object proxyInboundListenPort,
        @Nullable Object proxyListenPort,
        @Nullable Object serviceEntryVisibility,
        @Nullable Object serviceScopeConfigs,
        @Nullable Object serviceSettings,
        @Nullable Object tcpKeepalive,
        @Nullable Object thriftConfig,
        @Nullable Object tlsDefaults,
        @Nullable Object trustDomainAliases,
        @Nullable Object verifyCertificateAtClient)
        implements Spec {

    /// What sidecars do with hosts that the mesh does not know, where no Sidecar says otherwise.
    ///
    /// @param mode Istio's default is to let them through
    public record OutboundTrafficPolicy(Mode mode) {}

    public enum Mode {
        ALLOW_ANY,
        REGISTRY_ONLY,
        ALLOW_ANY_DYNAMIC_DNS
    }

    /// Kubernetes' LabelSelector: all of it must hold.
    public record LabelSelector(Map<String, String> matchLabels, List<Requirement> matchExpressions) {
        public boolean matches(Map<String, String> labels) {
            return labels.entrySet().containsAll(matchLabels.entrySet())
                    && matchExpressions.stream().allMatch(requirement -> requirement.matches(labels));
        }
    }

    public record Requirement(String key, Operator operator, List<String> values) {
        boolean matches(Map<String, String> labels) {
            String value = labels.get(key);
            return switch (operator) {
                case In -> value != null && values.contains(value);
                case NotIn -> value == null || !values.contains(value);
                case Exists -> value != null;
                case DoesNotExist -> value == null;
            };
        }
    }

    public enum Operator {
        In,
        NotIn,
        Exists,
        DoesNotExist
    }

    /// Whether hosts that the mesh does not know are refused.
    public boolean isRegistryOnly() {
        return outboundTrafficPolicy != null && outboundTrafficPolicy.mode() == Mode.REGISTRY_ONLY;
    }
}
