package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.pilot.registry.Troubles;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.Test;

class MeshTrustTest {
    private static final Duration HOUR = Duration.ofHours(1);

    private final SigningMaterial root = CertificateAuthority.selfSigned("cluster.local", Clock.systemUTC(), "test");
    private final Troubles troubles = new Troubles();
    private final MeshTrust trust = new MeshTrust(root::roots, troubles);

    private static X509Certificate leaf(
            GeneralName name, Instant until, KeyPair key, X500Name issuer, PrivateKey signer, String algorithm)
            throws Exception {
        return new JcaX509CertificateConverter()
                .getCertificate(new JcaX509v3CertificateBuilder(
                                issuer,
                                BigInteger.TWO,
                                Date.from(until.minus(Duration.ofDays(1))),
                                Date.from(until),
                                new X500Name("CN=leaf"),
                                key.getPublic())
                        .addExtension(Extension.subjectAlternativeName, true, new GeneralNames(name))
                        .build(new JcaContentSignerBuilder(algorithm).build(signer)));
    }

    private X509Certificate ours(String uri, Instant until) throws Exception {
        return leaf(
                new GeneralName(GeneralName.uniformResourceIdentifier, uri),
                until,
                Requests.elliptic("secp256r1"),
                X500Name.getInstance(root.signer().getSubjectX500Principal().getEncoded()),
                root.key(),
                CertificateAuthority.algorithm(root.signer().getPublicKey()));
    }

    private static X509Certificate selfSigned(GeneralName name, Instant until) throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        return leaf(name, until, key, new X500Name("CN=leaf"), key.getPrivate(), "SHA256withECDSA");
    }

    private String refusal(X509Certificate leaf) {
        assertThatThrownBy(() -> trust.checkClientTrusted(new X509Certificate[] {leaf}, "EC"))
                .isInstanceOf(CertificateException.class);
        List<String> all = troubles.all();
        assertThat(all).hasSize(1);
        return all.getFirst();
    }

    @Test
    void aCertificateOfOursThatHasEndedIsToldAsThat() throws Exception {
        assertThat(refusal(ours(
                        "spiffe://cluster.local/ns/shop/sa/web", Instant.now().minus(HOUR))))
                .contains("(spiffe://cluster.local/ns/shop/sa/web)")
                .contains("it ended at ", "could not renew it in time");
    }

    @Test
    void oneOfAnUnknownIssuerIsNoProxyOfOursThoughItHasEndedToo() throws Exception {
        assertThat(refusal(selfSigned(
                        new GeneralName(GeneralName.uniformResourceIdentifier, "spiffe://cluster.local/ns/shop/sa/web"),
                        Instant.now().minus(HOUR))))
                .contains("spiffe://cluster.local/ns/shop/sa/web")
                .doesNotContain("it ended", "renew");
    }

    @Test
    void oneThatOnlySaysItsIssuerIsOursIsNoProxyOfOurs() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        assertThat(refusal(leaf(
                        new GeneralName(GeneralName.uniformResourceIdentifier, "spiffe://cluster.local/ns/a/sa/b"),
                        Instant.now().minus(HOUR),
                        key,
                        X500Name.getInstance(
                                root.signer().getSubjectX500Principal().getEncoded()),
                        key.getPrivate(),
                        "SHA256withECDSA")))
                .doesNotContain("it ended", "renew");
    }

    @Test
    void whatAStrangerCallsHimselfIsCutAndCannotSteerATerminal() throws Exception {
        String sentence = refusal(selfSigned(
                new GeneralName(GeneralName.rfc822Name, "x\u001b[2J\n\u007f" + "y".repeat(50_000) + "@z"),
                Instant.now().plus(HOUR)));

        assertThat(sentence)
                .hasSizeLessThan(600)
                .contains("x\\u001b[2J\\u000a\\u007fyyy")
                .matches("\\P{Cntrl}*");
    }
}
