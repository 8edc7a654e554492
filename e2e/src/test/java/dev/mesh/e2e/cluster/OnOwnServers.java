package dev.mesh.e2e.cluster;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/// Marks tests that start Kubernetes' programs, or look into its nodes: they run where `-Dkube` names the program that
/// `./scripts/kube` builds (`make e2e`), and are left out where `KUBECONFIG` names a cluster to test on.
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@EnabledIfSystemProperty(named = "kube", matches = ".+")
@DisabledIfEnvironmentVariable(named = "KUBECONFIG", matches = ".+", disabledReason = OnOwnServers.REASON)
public @interface OnOwnServers {
    String REASON = "starts Kubernetes' own programs or looks into its nodes: not where KUBECONFIG names a cluster";
}
