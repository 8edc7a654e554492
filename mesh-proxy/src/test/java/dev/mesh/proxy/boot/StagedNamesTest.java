package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.StringValue;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.proxy.xds.AdsClient.Handler.Received;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// On a clock that stands still until it is told to go on.
class StagedNamesTest {
    private final EmbeddedChannel clock = new EmbeddedChannel();
    private final List<Set<String>> told = new ArrayList<>();
    private final StagedNames names;

    StagedNamesTest() {
        clock.freezeTime();
        names = new StagedNames(table -> told.add(Set.copyOf(table.getTableMap().keySet())), clock.eventLoop());
    }

    private static Received part(String resource, String... hosts) {
        var table = NameTable.newBuilder();
        for (String host : hosts) {
            table.putTable(host, NameInfo.newBuilder().addIps("10.96.0.1").build());
        }
        return new Received(resource, "1", Any.pack(table.build()));
    }

    @Test
    void partsCountTogetherAndGoOneByOne() {
        names.take(List.of(part("names"), part("a", "a", "a-0.a"), part("b", "b")), List.of(), "", "");
        names.take(List.of(part("c", "c")), List.of(), "", "");
        names.take(List.of(), List.of("a"), "", "");
        names.take(List.of(part("b", "b2")), List.of(), "", "");
        assertThat(told)
                .containsExactly(
                        Set.of("a", "a-0.a", "b"), Set.of("a", "a-0.a", "b", "c"), Set.of("b", "c"), Set.of("b2", "c"));
        assertThat(names.current()).isNotNull();
    }

    @Test
    void aControlPlaneThatHasOneTableMayFollowOneThatHasParts() {
        names.take(List.of(part("a", "a"), part("b", "b")), List.of(), "", "");
        names.take(List.of(part("names", "a", "c")), List.of("a", "b"), "", "");
        assertThat(told.getLast()).containsExactlyInAnyOrder("a", "c");
    }

    @Test
    void whatIsThereStaysWhenAllIsTakenAway() {
        names.take(List.of(part("names", "a")), List.of(), "", "");
        assertThat(names.take(List.of(), List.of("names"), "", "")).isEmpty();
        assertThat(told).containsExactly(Set.of("a"));
    }

    @Test
    void partsOfOnePushCountWhenItIsInEffectOrAfterFifteenSeconds() {
        names.take(List.of(part("a", "a")), List.of(), "one", "");
        names.take(List.of(part("b", "b")), List.of(), "two", "one");
        names.take(List.of(), List.of("a"), "two", "one");
        assertThat(told).containsExactly(Set.of("a"));
        names.inEffect("one");
        assertThat(told).hasSize(1);
        names.inEffect("two");
        assertThat(told).containsExactly(Set.of("a"), Set.of("b"));

        names.take(List.of(part("c", "c")), List.of(), "three", "two");
        clock.advanceTimeBy(15, TimeUnit.SECONDS);
        clock.runScheduledPendingTasks();
        assertThat(told.getLast()).containsExactlyInAnyOrder("b", "c");
        assertThat(told).hasSize(3);
    }

    @Test
    void whatIsNoTableIsRefusedWhole() {
        assertThat(names.take(
                        List.of(part("a", "a"), new Received("b", "1", Any.pack(StringValue.of("x")))),
                        List.of(),
                        "",
                        ""))
                .hasSize(1)
                .allMatch(reason -> reason.startsWith("b: not a istio.networking.nds.v1.NameTable"));
        assertThat(told).isEmpty();
    }
}
