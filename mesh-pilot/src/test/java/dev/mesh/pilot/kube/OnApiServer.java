package dev.mesh.pilot.kube;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/// Marks tests that start a [TestApiServer]: they run where `-Dkube` names the program that `./scripts/kube` builds
/// (`make e2e`), and are left out where `KUBECONFIG` names a cluster to test on.
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@EnabledIfSystemProperty(named = "kube", matches = ".+")
@DisabledIfEnvironmentVariable(
        named = "KUBECONFIG",
        matches = ".+",
        disabledReason = "starts an API server of its own: not where KUBECONFIG names a cluster")
public @interface OnApiServer {}
