package dev.mesh.pilot.ca;

import java.math.BigInteger;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// Authorities that another one has signed, as operators plug them in.
final class Intermediates {
    private Intermediates() {}

    static SigningMaterial under(SigningMaterial root, KeyPair key, Instant now) throws Exception {
        var certificate = new JcaX509CertificateConverter()
                .getCertificate(new JcaX509v3CertificateBuilder(
                                root.signer(),
                                BigInteger.TWO,
                                Date.from(now),
                                Date.from(now.plus(Duration.ofDays(300))),
                                new X500Name("O=intermediate"),
                                key.getPublic())
                        .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
                        .build(new JcaContentSignerBuilder(CertificateAuthority.algorithm(
                                        root.signer().getPublicKey()))
                                .build(root.key())));
        return SigningMaterial.of(
                Pems.text((Object) certificate), Pems.text((Object) key.getPrivate()), "", root.rootsPem(), "cacerts");
    }
}
