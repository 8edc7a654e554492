package dev.mesh.api.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class LocalAddressesTest {
    @Test
    void aWorkloadsCallsGoToTheAddressBesideIt() {
        assertThat(LocalAddresses.outbound("127.0.1.11")).isEqualTo("127.128.1.11");
    }

    @Test
    void refusesWhatIsNoWorkloadsAddress() {
        for (String address : List.of("127.0.0.1", "10.0.1.1", "127.0.1", "127.0.1.256", "127.0.1.01", "::1", "")) {
            assertThatThrownBy(() -> LocalAddresses.outbound(address))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("expected: 127.0.x.y");
        }
    }

    @Test
    void everyTcpServiceOfEveryWorkloadHasItsOwnAddress() {
        var hosts = new ArrayList<String>();
        for (int i = 0; i < 126; i++) {
            hosts.add("tcp-" + i + ".shop.svc.cluster.local");
        }
        var seen = new HashSet<String>();
        for (String outbound : List.of("127.128.1.11", "127.128.1.12")) {
            seen.addAll(LocalAddresses.virtual(outbound, hosts).values());
        }
        assertThat(seen).hasSize(2 * 126).allMatch(address -> !address.startsWith("127.128."));
    }

    @Test
    void saysSoWhenThereAreTooMany() {
        var hosts = new ArrayList<String>();
        for (int i = 0; i < 127; i++) {
            hosts.add("tcp-" + i);
        }
        assertThatThrownBy(() -> LocalAddresses.virtual("127.128.1.1", hosts)).hasMessageContaining("127 TCP services");
    }
}
