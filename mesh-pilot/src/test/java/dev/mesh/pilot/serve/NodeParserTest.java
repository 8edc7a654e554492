package dev.mesh.pilot.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.envoyproxy.envoy.config.core.v3.Node;
import org.junit.jupiter.api.Test;

class NodeParserTest {
    private static Node node(String id, Value capture) {
        return Node.newBuilder()
                .setId(id)
                .setMetadata(Struct.newBuilder().putFields("DNS_CAPTURE", capture))
                .build();
    }

    /// Istio's agent sends a text, others may send what the word means.
    @Test
    void whoSaysThatItCapturesQuestionsIsGivenNames() {
        String sidecar = "sidecar~10.0.0.1~web.shop~shop.svc.cluster.local";
        var yes = Value.newBuilder().setBoolValue(true).build();
        var written = Value.newBuilder().setStringValue("true").build();
        var no = Value.newBuilder().setStringValue("false").build();
        assertThat(NodeParser.parse(node(sidecar, yes)).answersNames()).isTrue();
        assertThat(NodeParser.parse(node(sidecar, written)).answersNames()).isTrue();
        assertThat(NodeParser.parse(node(sidecar, no)).answersNames()).isFalse();
        assertThat(NodeParser.parse(node("router~10.0.0.1~gw.shop~shop.svc.cluster.local", yes))
                        .answersNames())
                .isFalse();
    }
}
