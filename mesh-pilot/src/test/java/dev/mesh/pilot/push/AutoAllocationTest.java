package dev.mesh.pilot.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.model.VirtualAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AutoAllocationTest {
    private static List<MeshObject> entries(int count) {
        return IntStream.range(0, count).mapToObj(n -> entry("e" + n, "")).toList();
    }

    private static MeshObject entry(String name, String created) {
        return ObjectReader.read("entry.yaml", """
                        apiVersion: networking.istio.io/v1
                        kind: ServiceEntry
                        metadata: {name: %s, namespace: shop%s}
                        spec: {hosts: [%s.internal], ports: [{number: 9000, name: tcp, protocol: TCP}], resolution: DNS}
                        """.formatted(
                                name, created.isEmpty() ? "" : ", creationTimestamp: \"" + created + "\"", name))
                .objects()
                .getFirst();
    }

    private static SortedMap<String, VirtualAddress> allocated(List<MeshObject> objects) {
        return PushContextBuilder.build(1, objects).allocated();
    }

    @Test
    void noTwoServicesHaveOneAddressAndTheOrderOfObjectsDoesNotMatter() {
        var objects = new ArrayList<>(entries(5000));
        var addresses = allocated(objects);
        assertThat(new HashSet<>(addresses.values())).hasSize(5000);
        Collections.shuffle(objects, new Random(3));
        assertThat(allocated(objects)).isEqualTo(addresses);
    }

    @Test
    void whoComesLaterMovesNobody() {
        var before = entries(3000).stream()
                .map(object -> entry(object.ref().name(), "2026-01-01T00:00:00Z"))
                .toList();
        var after = new ArrayList<>(before);
        IntStream.range(0, 3000).forEach(n -> after.add(entry("later" + n, "2026-02-01T00:00:00Z")));
        assertThat(allocated(after)).containsAllEntriesOf(allocated(before));
    }

    @Test
    void addressesAreOfTheRangesAndNeverANetworksFirstOrLast() {
        assertThat(AutoAllocation.address(0)).isEqualTo(new VirtualAddress("240.240.0.1", "2001:2::f0f0:1"));
        assertThat(AutoAllocation.address(253)).isEqualTo(new VirtualAddress("240.240.0.254", "2001:2::f0f0:fe"));
        assertThat(AutoAllocation.address(254)).isEqualTo(new VirtualAddress("240.240.1.1", "2001:2::f0f0:101"));
        assertThat(AutoAllocation.address(AutoAllocation.PLACES - 1))
                .isEqualTo(new VirtualAddress("240.240.255.254", "2001:2::f0f0:fffe"));
    }

    @Test
    void whoComesWhenAllAreTakenIsToldSo() {
        var allocation = new AutoAllocation();
        var findings = new ArrayList<Finding>();
        for (MeshObject object : entries(AutoAllocation.PLACES + 1)) {
            ServiceReader.read(object, (dev.mesh.api.networking.ServiceEntry) object.spec(), findings)
                    .forEach(service -> allocation.add(object, service));
        }
        var addresses = allocation.allocate(findings);
        assertThat(new HashSet<>(addresses.values())).hasSize(AutoAllocation.PLACES);
        assertThat(findings)
                .singleElement()
                .satisfies(finding -> assertThat(finding.toString())
                        .contains("is given no virtual address", "expected: addresses of its own"));
    }
}
