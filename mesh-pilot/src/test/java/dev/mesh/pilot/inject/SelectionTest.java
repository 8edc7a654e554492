package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.read.JsonTree;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which injector is asked, by labels: Istio's table (`mutatingwebhook.yaml`), and over it `mesh.dev/injection`.
class SelectionTest {
    private static boolean asked(String namespace, String pod, InjectionSettings settings, String... ours) {
        return Selection.asked(
                        Json.strings(JsonTree.parse("{" + namespace + "}").getAsJsonObject()),
                        JsonTree.parse("{metadata: {labels: {" + pod + "}}}").getAsJsonObject(),
                        Set.of(ours),
                        settings)
                .inject();
    }

    private static InjectionSettings settings(String values) {
        return InjectionSettings.read("", values, "", "", "");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
                    istio-injection: enabled                                ;                                  ; true
                    istio-injection: enabled, istio.io/rev: other           ;                                  ; true
                    istio-injection: disabled                               ; sidecar.istio.io/inject: "true"  ; false
                    istio.io/rev: default                                   ;                                  ; true
                    istio.io/rev: prod                                      ;                                  ; true
                    istio.io/rev: other                                     ; sidecar.istio.io/inject: "true"  ; false
                                                                            ;                                  ; false
                                                                            ; sidecar.istio.io/inject: "true"  ; true
                                                                            ; istio.io/rev: prod               ; true
                                                                            ; istio.io/rev: other              ; false
                    mesh.dev/injection: enabled                             ;                                  ; true
                    mesh.dev/injection: enabled, istio.io/rev: other        ;                                  ; false
                    mesh.dev/injection: disabled, istio-injection: enabled  ;                                  ; false
                    mesh.dev/injection: enabled, istio-injection: disabled  ;                                  ; true
                                                                            ; mesh.dev/injection: enabled      ; true
                    """)
    void labelsDecide(String namespace, String pod, boolean asked) {
        assertThat(asked(text(namespace), text(pod), settings(""), "default", "prod"))
                .isEqualTo(asked);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
                    istio-injection: enabled    ;                                 ; false
                    istio.io/rev: default       ;                                 ; false
                                                ; sidecar.istio.io/inject: "true" ; false
                    mesh.dev/injection: enabled ;                                 ; true
                                                ; mesh.dev/injection: enabled     ; true
                    """)
    void besideAnotherInjectorOnlyOurOwnLabelCounts(String namespace, String pod, boolean asked) {
        var settings = settings("").withIstioLabels(false);
        assertThat(asked(text(namespace), text(pod), settings, "default")).isEqualTo(asked);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
                                                ;                                  ; true
                                                ; sidecar.istio.io/inject: "false" ; false
                    istio-injection: disabled   ;                                  ; false
                    mesh.dev/injection: disabled ;                                 ; false
                    """)
    void namespacesMayBeEnabledByDefault(String namespace, String pod, boolean asked) {
        var settings = settings("{sidecarInjectorWebhook: {enableNamespacesByDefault: true}}");
        assertThat(asked(text(namespace), text(pod), settings, "default")).isEqualTo(asked);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
                    istio-injection: enabled    ; false
                    istio.io/rev: canary        ; true
                    mesh.dev/injection: enabled, istio.io/rev: canary ; true
                    mesh.dev/injection: enabled ; false
                    """)
    void aRevisionIsAskedForItsOwn(String namespace, boolean asked) {
        assertThat(asked(namespace, "", settings(""), "canary")).isEqualTo(asked);
    }

    private static String text(@org.jspecify.annotations.Nullable String cell) {
        return cell == null ? "" : cell;
    }
}
