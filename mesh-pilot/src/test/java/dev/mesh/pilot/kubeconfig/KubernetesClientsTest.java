package dev.mesh.pilot.kubeconfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPrivateKey;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class KubernetesClientsTest {
    // One key of P-256, made for this test, in the two forms that kubeconfigs have.
    private static final String SEC1 = """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIDplpnEQ3YD2AO8lDRyP+yB1YGLKf07cSBKoIX5jtyIWoAoGCCqGSM49
            AwEHoUQDQgAEnShplGqtfoRqunJt0YRPRinOukywNdGX/U+/bd85q/Ko5/E0h9GW
            ROMsF9GA7LQFacXXX9PmRlm+HZVoIdBeIA==
            -----END EC PRIVATE KEY-----
            """;
    private static final String PKCS8 = """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOmWmcRDdgPYA7yUN
            HI/7IHVgYsp/TtxIEqghfmO3IhahRANCAASdKGmUaq1+hGq6cm3RhE9GKc66TLA1
            0Zf9T79t3zmr8qjn8TSH0ZZE4ywX0YDstAVpxddf0+ZGWb4dlWgh0F4g
            -----END PRIVATE KEY-----
            """;

    @Test
    void ellipticKeysAreReadInBothForms() throws GeneralSecurityException {
        var one = (ECPrivateKey) KubernetesClients.key(SEC1);
        var other = (ECPrivateKey) KubernetesClients.key(PKCS8);
        assertThat(one).isNotNull();
        assertThat(other).isNotNull();
        assertThat(one.getS()).isEqualTo(other.getS());
    }

    @Test
    void otherKeysAreLeftToTheLibrary() throws GeneralSecurityException {
        var generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        String rsa = Base64.getEncoder()
                .encodeToString(generator.generateKeyPair().getPrivate().getEncoded());
        assertThat(KubernetesClients.key("-----BEGIN PRIVATE KEY-----\n" + rsa + "\n-----END PRIVATE KEY-----"))
                .isNull();
        assertThat(KubernetesClients.key("")).isNull();
    }

    @Test
    void aCurveThatIsNotKnownIsSaid() {
        String other = """
                -----BEGIN EC PRIVATE KEY-----
                AAAA
                -----END EC PRIVATE KEY-----
                """;
        assertThatThrownBy(() -> KubernetesClients.key(other))
                .hasMessage("its curve is not known (expected: P-256, P-384 or P-521)");
    }
}
