package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.mesh.api.identity.SpiffeId;
import java.security.KeyPair;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CertificateAuthorityTest {
    private static final Instant NOW = Instant.parse("2026-05-01T12:00:00Z");
    private static final SpiffeId SHOP = new SpiffeId("cluster.local", "shop", "default");

    private static Clock at(Instant when) {
        return Clock.fixed(when, ZoneOffset.UTC);
    }

    private final SigningMaterial root = CertificateAuthority.selfSigned("cluster.local", at(NOW), "test");

    private CertificateAuthority authority(Instant when) {
        return new CertificateAuthority(() -> root, at(when));
    }

    @Test
    void theNameIsTheProvenOneWhateverIsAskedFor() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");

        var signed =
                authority(NOW).sign(Requests.pem(key, "spiffe://cluster.local/ns/bank/sa/admin"), SHOP, Duration.ZERO);

        X509Certificate leaf = signed.chain().getFirst();
        assertThat(leaf.getSubjectAlternativeNames()).containsExactly(List.of(6, SHOP.toString()));
        assertThat(leaf.getBasicConstraints()).as("no authority").isEqualTo(-1);
        assertThat(leaf.getPublicKey()).isEqualTo(key.getPublic());
        assertThat(leaf.getExtendedKeyUsage()).containsExactlyInAnyOrder("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
        assertThat(leaf.getNotBefore().toInstant()).isEqualTo(NOW.minus(Duration.ofMinutes(2)));
        assertThat(leaf.getNotAfter().toInstant()).isEqualTo(NOW.plus(Duration.ofHours(24)));
        leaf.verify(root.signer().getPublicKey());
        assertThat(signed.pem()).hasSize(2);
        assertThat(Pems.certificates(signed.pem().getLast(), "root")).containsExactly(root.signer());
    }

    @Test
    void aLifeIsAskedForWithinBounds() throws Exception {
        String request = Requests.pem(Requests.elliptic("secp384r1"), "spiffe://a/ns/b/sa/c");

        assertThat(authority(NOW)
                        .sign(request, SHOP, Duration.ofHours(1))
                        .chain()
                        .getFirst()
                        .getNotAfter()
                        .toInstant())
                .isEqualTo(NOW.plus(Duration.ofHours(1)));
        assertThatExceptionOfType(CertificateAuthority.Refused.class)
                .isThrownBy(() -> authority(NOW).sign(request, SHOP, Duration.ofDays(91)))
                .withMessage("validity_duration: 7862400 s (expected: 0-7776000, 0 for 24 hours)");
        Instant nearTheEnd = root.signer().getNotAfter().toInstant().minus(Duration.ofHours(3));
        assertThat(authority(nearTheEnd)
                        .sign(request, SHOP, Duration.ZERO)
                        .chain()
                        .getFirst()
                        .getNotAfter())
                .as("no longer than the root")
                .isEqualTo(root.signer().getNotAfter());
        assertThatExceptionOfType(CertificateAuthority.Refused.class)
                .isThrownBy(() -> authority(nearTheEnd.plus(Duration.ofDays(1))).sign(request, SHOP, Duration.ZERO))
                .withMessageContaining("not valid now");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "hello",
                "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
                "-----BEGIN CERTIFICATE REQUEST-----\n",
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
            })
    void whatIsNoRequestIsRefused(String request) {
        assertThatExceptionOfType(CertificateAuthority.Refused.class)
                .isThrownBy(() -> authority(NOW).sign(request, SHOP, Duration.ZERO))
                .withMessageStartingWith("csr: ");
    }

    @Test
    void weakKeysForeignSignaturesAndFloodsAreRefused() {
        KeyPair one = Requests.elliptic("secp256r1");
        KeyPair other = Requests.elliptic("secp256r1");
        String forged = Requests.pem(new KeyPair(one.getPublic(), other.getPrivate()), "spiffe://a/ns/b/sa/c");
        var refused = assertThatExceptionOfType(CertificateAuthority.Refused.class);
        refused.isThrownBy(() -> authority(NOW).sign(forged, SHOP, Duration.ZERO))
                .withMessage("csr: its signature is not the one of its key");
        refused.isThrownBy(() -> authority(NOW)
                        .sign(Requests.pem(Requests.rsa(1024), "spiffe://a/ns/b/sa/c"), SHOP, Duration.ZERO))
                .withMessage("csr: RSA key of 1024 bits (expected: 2048-8192)");
        refused.isThrownBy(() ->
                        authority(NOW).sign("x".repeat(CertificateAuthority.MOST_REQUEST + 1), SHOP, Duration.ZERO))
                .withMessageContaining("expected: at most 65536");
    }

    @Test
    void aRenewedRootKeepsItsKeySoThatOldCertificatesStayGood() throws Exception {
        Instant later = NOW.plus(Duration.ofDays(3650 * 4 / 5 + 1));
        assertThat(CertificateAuthority.isDue(root.signer(), NOW)).isFalse();
        assertThat(CertificateAuthority.isDue(root.signer(), later)).isTrue();

        SigningMaterial next = CertificateAuthority.renewed(root, at(later));

        assertThat(next.signer().getNotAfter()).isAfter(root.signer().getNotAfter());
        assertThat(next.signer().getSerialNumber()).isNotEqualTo(root.signer().getSerialNumber());
        String request = Requests.pem(Requests.rsa(2048), "spiffe://a/ns/b/sa/c");
        X509Certificate old =
                authority(later).sign(request, SHOP, Duration.ZERO).chain().getFirst();
        X509Certificate young = new CertificateAuthority(() -> next, at(later))
                .sign(request, SHOP, Duration.ZERO)
                .chain()
                .getFirst();
        for (X509Certificate leaf : List.of(old, young)) {
            for (X509Certificate trusted : List.of(root.signer(), next.signer())) {
                assertThatCode(() -> validate(leaf, trusted, later)).doesNotThrowAnyException();
            }
        }
    }

    // As peers do it: PKIX (RFC 5280, 6) with one root.
    private static void validate(X509Certificate leaf, X509Certificate trusted, Instant when) throws Exception {
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(trusted, null)));
        parameters.setRevocationEnabled(false);
        parameters.setDate(Date.from(when));
        CertPathValidator.getInstance("PKIX")
                .validate(CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf)), parameters);
    }

    @Test
    void aRequestNestedWithoutEndIsRefused() {
        int depth = 10_000;
        byte[] nested = new byte[depth * 4];
        for (int i = 0; i < depth; i++) {
            int length = (depth - i - 1) * 4;
            nested[i * 4] = 0x30;
            nested[i * 4 + 1] = (byte) 0x82;
            nested[i * 4 + 2] = (byte) (length >> 8);
            nested[i * 4 + 3] = (byte) length;
        }
        String request = "-----BEGIN CERTIFICATE REQUEST-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(nested)
                + "\n-----END CERTIFICATE REQUEST-----\n";
        assertThatExceptionOfType(CertificateAuthority.Refused.class)
                .isThrownBy(() -> authority(NOW).sign(request, SHOP, Duration.ZERO));
    }

    @Test
    void anIntermediateStandsBetweenTheCertificateAndTheRoot() throws Exception {
        KeyPair own = Requests.elliptic("secp256r1");
        SigningMaterial intermediate = Intermediates.under(root, own, NOW);

        var signed = new CertificateAuthority(() -> intermediate, at(NOW))
                .sign(Requests.pem(Requests.elliptic("secp256r1"), "spiffe://a/ns/b/sa/c"), SHOP, Duration.ZERO);

        assertThat(signed.chain()).hasSize(2);
        assertThat(signed.chain().getLast()).isEqualTo(intermediate.signer());
        assertThat(signed.pem()).hasSize(3);
    }

    @Test
    void partsThatDoNotBelongTogetherAreTold() {
        SigningMaterial other = CertificateAuthority.selfSigned("cluster.local", at(NOW), "other");
        String certificate = Pems.text((Object) root.signer());
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        SigningMaterial.of(certificate, Pems.text((Object) other.key()), "", certificate, "cacerts"))
                .withMessage("cacerts: the key is not the one of the certificate");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SigningMaterial.of(
                        certificate, Pems.text((Object) root.key()), "", other.rootsPem(), "cacerts"))
                .withMessage("cacerts: the certificate does not lead to the root certificate");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SigningMaterial.of(certificate, "no key", "", certificate, "cacerts"))
                .withMessageContaining("no private key in it");
        assertThat(root.toString()).doesNotContain("PRIVATE");
    }
}
