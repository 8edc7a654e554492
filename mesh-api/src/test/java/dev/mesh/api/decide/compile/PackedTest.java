package dev.mesh.api.decide.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import com.google.protobuf.InvalidProtocolBufferException;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;

class PackedTest {
    private static final Cluster CLUSTER = Cluster.newBuilder()
            .setName("web")
            .setConnectionPoolPerDownstreamConnection(true)
            .setLbSubsetConfig(Cluster.LbSubsetConfig.getDefaultInstance())
            .build();

    @Test
    void packsAndUnpacksAsAnyItselfDoes() throws InvalidProtocolBufferException {
        assertThat(Packed.pack(CLUSTER)).isEqualTo(Any.pack(CLUSTER));
        assertThat(Packed.unpack(Any.pack(CLUSTER), Cluster.getDefaultInstance()))
                .isEqualTo(CLUSTER);
        assertThat(Packed.type(CLUSTER)).isSameAs(Cluster.getDescriptor());
        assertThat(Packed.is(Any.pack(CLUSTER), Cluster.getDefaultInstance())).isTrue();
    }

    @Test
    void whatIsOfAnotherTypeOrBrokenIsRefused() {
        var other = Any.pack(BoolValue.of(true));
        var broken = Any.pack(CLUSTER).toBuilder()
                .setValue(com.google.protobuf.ByteString.copyFrom(new byte[] {10, 9}))
                .build();
        var bare =
                Any.newBuilder().setTypeUrl("envoy.config.cluster.v3.Cluster").build();

        for (Any any : new Any[] {other, broken, bare}) {
            assertThatThrownBy(() -> Packed.unpack(any, Cluster.getDefaultInstance()))
                    .isInstanceOf(InvalidProtocolBufferException.class);
        }
        assertThat(Packed.is(other, Cluster.getDefaultInstance())).isFalse();
    }

    /// Set fields are seen on the wire: scalars, empty messages, and switches that are off.
    @Test
    void whatIsSetAndNotHonouredIsNamed() {
        var reasons = new ArrayList<String>();
        Fields.of(CLUSTER, "cluster").honours("name").refuseOthers(reasons);
        assertThat(reasons)
                .containsExactly(
                        "cluster.lb_subset_config: not supported",
                        "cluster.connection_pool_per_downstream_connection: not supported");

        reasons.clear();
        var off = io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions.getDefaultInstance();
        Fields.of(off, "").refuseOthers(reasons);
        assertThat(reasons).isEmpty();
    }

    @Test
    void aSwitchThatIsOffIsHonoured() {
        var reasons = new ArrayList<String>();
        var listener = io.envoyproxy.envoy.config.listener.v3.Listener.newBuilder();

        Fields.of(listener.setTransparent(BoolValue.of(false)).build(), "")
                .offOnly("transparent")
                .refuseOthers(reasons);
        assertThat(reasons).isEmpty();

        Fields.of(listener.setTransparent(BoolValue.of(true)).build(), "")
                .offOnly("transparent")
                .refuseOthers(reasons);
        assertThat(reasons).containsExactly("transparent: not supported");
    }
}
