package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.mesh.api.read.JsonTree;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Pods as people write them → pods with proxies. `make golden` writes the expected files anew; look at the difference.
class InjectionGoldenTest {
    private static final boolean REWRITE = "rewrite".equals(System.getProperty("golden"));

    static Stream<InjectionCase> cases() {
        return InjectionCase.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void injectsWhatIsExpected(InjectionCase golden) {
        JsonObject pod = golden.pod();
        Injection injection = golden.inject(pod);
        check(golden, "patched.yaml", InjectionCase.patched(injection));
        check(golden, "remarks.txt", InjectionCase.remarks(injection));
        assertThat(pod).as("the pod that was given").isEqualTo(golden.pod());
    }

    private static void check(InjectionCase golden, String file, String actual) {
        if (REWRITE) {
            golden.rewrite(file, actual);
        }
        assertThat(actual).as(golden + "/" + file).isEqualTo(golden.read(file));
    }

    /// A webhook may be called twice for one pod, and people copy what runs.
    @ParameterizedTest
    @MethodSource("cases")
    void aSecondTimeChangesNothing(InjectionCase golden) {
        if (golden.inject(golden.pod()) instanceof Injection.Injected once) {
            Injection twice = golden.inject(once.pod());
            assertThat(twice).isInstanceOf(Injection.Injected.class);
            assertThat(((Injection.Injected) twice).pod()).isEqualTo(once.pod());
        }
    }

    /// What is printed says the same as the tree.
    @ParameterizedTest
    @MethodSource("cases")
    void isPrintedWhole(InjectionCase golden) {
        if (golden.inject(golden.pod()) instanceof Injection.Injected done) {
            assertThat(JsonTree.parse(Yaml.print(done.pod())).toString())
                    .isEqualTo(done.pod().toString());
        }
    }

    /// Nothing that is added runs with more than it needs, whatever the settings.
    @ParameterizedTest
    @MethodSource("cases")
    void everyContainerThatIsAddedIsSecure(InjectionCase golden) {
        if (!(golden.inject(golden.pod()) instanceof Injection.Injected done)
                || Reinjection.proxy(golden.pod()) != null) {
            return;
        }
        for (String list : List.of("initContainers", "containers")) {
            for (JsonObject container : Json.objects(done.pod(), "spec", list)) {
                String name = Json.text(container, "name");
                if (!List.of(Names.PROXY, Names.INIT, Names.VALIDATION).contains(name)) {
                    continue;
                }
                JsonObject context = Json.object(container, "securityContext");
                assertThat(Json.text(context, "allowPrivilegeEscalation")).isEqualTo("false");
                assertThat(Json.text(context, "privileged")).isEqualTo("false");
                assertThat(Json.text(context, "readOnlyRootFilesystem")).isEqualTo("true");
                assertThat(Json.text(context, "seccompProfile", "type")).isEqualTo("RuntimeDefault");
                assertThat(Json.at(context, "capabilities", "drop")).hasToString("[\"ALL\"]");
                boolean root = name.equals(Names.INIT)
                        || name.equals(Names.PROXY) && golden.toString().contains("TPROXY");
                assertThat(Json.text(context, "runAsNonRoot")).isEqualTo(root ? "false" : "true");
                if (!root) {
                    assertThat(Json.text(context, "runAsUser")).isEqualTo("1337");
                    assertThat(Json.at(context, "capabilities", "add")).isNull();
                }
            }
        }
    }
}
