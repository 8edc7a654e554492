package dev.mesh.e2e.cluster;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/// Marks tests that need a whole cluster: they run where `-Dkube` names the program that `./scripts/kube` builds
/// (`make e2e`), and one that fails leaves what is known of the cluster in `target/e2e-failures`.
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@EnabledIfSystemProperty(named = "kube", matches = ".+")
@ExtendWith(Evidence.class)
public @interface OnCluster {}
