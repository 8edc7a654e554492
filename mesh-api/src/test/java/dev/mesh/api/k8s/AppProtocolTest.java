package dev.mesh.api.k8s;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AppProtocolTest {
    @Test
    void theFirstPartOfANameTells() {
        assertThat(AppProtocol.of("http", "")).isEqualTo(AppProtocol.HTTP);
        assertThat(AppProtocol.of("grpc-web", "")).isEqualTo(AppProtocol.HTTP2);
        assertThat(AppProtocol.of("TCP-stock", "")).isEqualTo(AppProtocol.TCP);
        assertThat(AppProtocol.of("https", "")).isEqualTo(AppProtocol.TLS);
        assertThat(AppProtocol.of("redis", "")).isEqualTo(AppProtocol.TCP);
    }

    @Test
    void appProtocolStandsOverTheNameAndNothingSaidIsHttp() {
        assertThat(AppProtocol.of("tcp", "kubernetes.io/h2c")).isEqualTo(AppProtocol.HTTP2);
        assertThat(AppProtocol.of("", "")).isEqualTo(AppProtocol.HTTP);
        assertThat(AppProtocol.of("tcpish", "")).isEqualTo(AppProtocol.HTTP);
        assertThat(AppProtocol.TLS.isHttp()).isFalse();
        assertThat(AppProtocol.HTTP2.isHttp()).isTrue();
    }
}
