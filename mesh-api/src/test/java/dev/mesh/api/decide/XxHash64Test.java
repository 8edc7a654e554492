package dev.mesh.api.decide;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import org.junit.jupiter.api.Test;

class XxHash64Test {
    @Test
    void givesTheKnownValues() {
        assertThat(XxHash64.hash("", 0)).isEqualTo(0xEF46DB3751D8E999L);
        assertThat(XxHash64.hash("a", 0)).isEqualTo(0xD24EC4F1A98C6E5BL);
        assertThat(XxHash64.hash("abc", 0)).isEqualTo(0x44BC2CF5AD770999L);
    }

    @Test
    void aRingGivesEachHostItsShareAndKeepsMostOnRemoval() {
        var three = HashRing.of(
                List.of(new HashRing.Entry("a:1", 1), new HashRing.Entry("b:1", 1), new HashRing.Entry("c:1", 2)),
                1024,
                8_388_608);
        var two = HashRing.of(List.of(new HashRing.Entry("a:1", 1), new HashRing.Entry("b:1", 1)), 1024, 8_388_608);
        var counts = new HashMap<Integer, Integer>();
        int moved = 0;
        for (int i = 0; i < 10_000; i++) {
            long hash = XxHash64.hash("key" + i, 0);
            int host = three.find(hash, 0);
            counts.merge(host, 1, Integer::sum);
            if (host != 2 && two.find(hash, 0) != host) {
                moved++;
            }
        }
        assertThat(counts.get(2)).isBetween(4_000, 6_000);
        assertThat(counts.get(0)).isBetween(1_500, 3_500);
        assertThat(moved).isLessThan(1_500);
    }
}
