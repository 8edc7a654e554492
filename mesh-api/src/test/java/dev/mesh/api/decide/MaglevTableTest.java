package dev.mesh.api.decide;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class MaglevTableTest {
    private static final int SIZE = 65537;

    private static int[] shares(List<HashRing.Entry> entries) {
        var table = MaglevTable.of(entries, SIZE);
        var shares = new int[entries.size()];
        for (int i = 0; i < SIZE; i++) {
            shares[table.find(i, 0)]++;
        }
        return shares;
    }

    @Test
    void everyHostHasItsShare() {
        int[] shares = shares(List.of(
                new HashRing.Entry("10.0.0.1:80", 1),
                new HashRing.Entry("10.0.0.2:80", 1),
                new HashRing.Entry("10.0.0.3:80", 1)));

        for (int share : shares) {
            assertThat(share).isBetween(SIZE / 3 - 1, SIZE / 3 + 2);
        }
    }

    @Test
    void weightsCount() {
        int[] shares = shares(List.of(new HashRing.Entry("10.0.0.1:80", 1), new HashRing.Entry("10.0.0.2:80", 3)));

        assertThat((double) shares[1] / shares[0]).isBetween(2.99, 3.01);
    }

    @Test
    void fewEntriesMoveWhenAHostGoes() {
        var all = List.of(
                new HashRing.Entry("10.0.0.1:80", 1),
                new HashRing.Entry("10.0.0.2:80", 1),
                new HashRing.Entry("10.0.0.3:80", 1));
        var before = MaglevTable.of(all, SIZE);
        var after = MaglevTable.of(all.subList(0, 2), SIZE);
        int moved = 0;
        for (int i = 0; i < SIZE; i++) {
            if (before.find(i, 0) < 2 && before.find(i, 0) != after.find(i, 0)) {
                moved++;
            }
        }

        assertThat(moved).isLessThan(SIZE / 10);
    }

    @Test
    void aSmallTableIsFullToo() {
        var table = MaglevTable.of(List.of(new HashRing.Entry("a:1", 1), new HashRing.Entry("b:1", 1)), 5);

        for (long hash = -10; hash < 10; hash++) {
            assertThat(table.find(hash, 0)).isBetween(0, 1);
            assertThat(table.find(hash, 2)).isBetween(0, 1);
        }
    }
}
