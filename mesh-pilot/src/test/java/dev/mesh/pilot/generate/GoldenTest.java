package dev.mesh.pilot.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.xds.XdsType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What users wrote → what proxies get. `make golden` writes the expected files anew; look at the difference.
class GoldenTest {
    private static final boolean REWRITE = "rewrite".equals(System.getProperty("golden"));

    static Stream<GoldenCase> cases() {
        return GoldenCase.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void generatesWhatIsExpected(GoldenCase golden) {
        check(golden, "findings.txt", golden.findings());
        golden.nodes()
                .forEach((name, node) -> check(
                        golden,
                        name + ".yaml",
                        GoldenCase.print(new ConfigGenerators().generate(golden.push(), node))));
    }

    private static void check(GoldenCase golden, String file, String actual) {
        if (REWRITE) {
            golden.rewrite(file, actual);
        }
        assertThat(actual).as(golden + "/" + file).isEqualTo(golden.expected(file));
    }

    /// A kept result must be what making it anew would give, whoever asked first.
    @ParameterizedTest
    @MethodSource("cases")
    void keepingResultsChangesNothing(GoldenCase golden) {
        var shared = new ConfigGenerators();
        var nodes = new ArrayList<>(golden.nodes().values());
        Collections.reverse(nodes);
        nodes.forEach(node -> shared.generate(golden.push(), node));
        golden.nodes()
                .values()
                .forEach(node -> assertThat(shared.generate(golden.push(), node).pushId())
                        .isEqualTo(new ConfigGenerators()
                                .generate(golden.push(), node)
                                .pushId()));
    }

    /// Names do not depend on where in the folder an object stands. (Rules of equal standing keep their order, so
    /// only kinds without precedence are shuffled.)
    @ParameterizedTest
    @MethodSource("cases")
    void orderOfServicesAndWorkloadsDoesNotMatter(GoldenCase golden) {
        var shuffled = new ArrayList<MeshObject>();
        var rules = new ArrayList<MeshObject>();
        for (MeshObject object : golden.objects()) {
            boolean free = object.ref().kind().equals("Service");
            (free ? shuffled : rules).add(object);
        }
        Collections.shuffle(shuffled, new Random(7));
        shuffled.addAll(rules);
        golden.nodes()
                .values()
                .forEach(node -> assertThat(new ConfigGenerators()
                                .generate(golden.push(1, shuffled), node)
                                .pushId())
                        .isEqualTo(new ConfigGenerators()
                                .generate(golden.push(), node)
                                .pushId()));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void endpointsAloneGiveTheSameAsEverything(GoldenCase golden) {
        var entry = golden.objects().stream()
                .filter(object -> object.spec() instanceof WorkloadEntry)
                .findFirst();
        if (entry.isEmpty()) {
            return;
        }
        List<MeshObject> fewer = golden.objects().stream()
                .filter(object -> !object.ref().equals(entry.get().ref()))
                .toList();
        var before = golden.push(1, golden.objects());
        var after = golden.push(2, fewer);
        golden.nodes().values().forEach(node -> {
            var generators = new ConfigGenerators();
            var previous = generators.generate(before, node);
            var quick = generators.endpointsOnly(
                    after, node, previous, after.services().keySet());
            assertThat(quick.of(XdsType.ENDPOINT))
                    .isEqualTo(generators.generate(after, node).of(XdsType.ENDPOINT));
        });
    }
}
