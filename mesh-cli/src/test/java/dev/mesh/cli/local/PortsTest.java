package dev.mesh.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Test;

class PortsTest {
    private final Ports ports = new Ports();

    @Test
    void aTakenPortIsNamedWithItsUse() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var taken = new LocalPlan.Binding("127.0.0.1", socket.getLocalPort(), "the pilot's port");
            var free = new LocalPlan.Binding("127.0.0.1", ports.free(), "of WorkloadEntry shop/cart");

            assertThatThrownBy(() -> Ports.check(List.of(taken, free)))
                    .hasMessage(
                            "127.0.0.1:" + socket.getLocalPort() + " is taken by another program (the pilot's port)");
            assertThatThrownBy(() -> Ports.check(List.of(taken)))
                    .hasMessageContaining("this mesh seems to be up already");
        }
    }

    @Test
    void anAddressThatIsNotOfThisMachineIsNamed() {
        var foreign = new LocalPlan.Binding("192.0.2.1", 80, "of Gateway shop/edge");

        assertThatThrownBy(() -> Ports.check(List.of(foreign, foreign)))
                .hasMessageContaining("192.0.2.1:80 cannot be bound:");
    }

    @Test
    void freePortsAreNewEachTime() {
        assertThat(ports.free()).isNotEqualTo(ports.free());
    }
}
