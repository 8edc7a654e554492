package dev.mesh.pilot.ca;

import dev.mesh.api.identity.SpiffeId;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.function.Supplier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;
import org.jspecify.annotations.Nullable;

/// Signs certificates with what a [RootStore] holds at the moment. What a request says of itself but its key is not
/// believed: the name in the certificate is the identity that the caller has proven (Istio, `security/pkg/server/ca`).
/// Thread-safe.
public final class CertificateAuthority {
    /// Usual life of a workload's certificate.
    public static final Duration USUAL_LIFE = Duration.ofHours(24);
    /// Longest life that can be asked for.
    public static final Duration LONGEST_LIFE = Duration.ofDays(90);
    /// Largest request that is looked at, in characters.
    public static final int MOST_REQUEST = 64 << 10;

    private static final Duration ROOT_LIFE = Duration.ofDays(3650);
    // Clocks differ.
    private static final Duration SKEW = Duration.ofMinutes(2);
    private static final int SERIAL_BITS = 127;
    private static final int LEAST_RSA = 2048;
    private static final int MOST_RSA = 8192;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Supplier<SigningMaterial> material;
    private final Clock clock;

    public CertificateAuthority(Supplier<SigningMaterial> material, Clock clock) {
        this.material = material;
        this.clock = clock;
    }

    /// The request cannot be signed; the message is a sentence for who made it.
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        private final IssuanceCounts.@Nullable SigningError error;

        // The request is none.
        Refused(String sentence) {
            this(null, sentence);
        }

        Refused(IssuanceCounts.@Nullable SigningError error, String sentence) {
            super(sentence, null, false, false);
            this.error = error;
        }

        /// Null if the request could not be read.
        IssuanceCounts.@Nullable SigningError error() {
            return error;
        }
    }

    /// A signed certificate.
    ///
    /// @param chain the certificate first, then intermediates, without the root
    public record Signed(List<X509Certificate> chain, List<X509Certificate> roots) {
        /// PEM blocks in the order of Istio's answer: the certificate, intermediates, the root last.
        public List<String> pem() {
            var blocks = new ArrayList<String>();
            chain.forEach(certificate -> blocks.add(Pems.text((Object) certificate)));
            blocks.add(Pems.text(roots));
            return blocks;
        }
    }

    /// Signs a workload's request.
    ///
    /// @param request PKCS#10 as PEM
    /// @param identity that the caller has proven
    /// @param life that is asked for; zero: the usual one
    /// @throws Refused if the request is not well-formed, its key is weak, or the life is too long
    public Signed sign(String request, SpiffeId identity, Duration life) throws Refused {
        PublicKey key = key(request);
        if (life.isNegative() || life.compareTo(LONGEST_LIFE) > 0) {
            throw new Refused(
                    IssuanceCounts.SigningError.TTL_ERROR,
                    "validity_duration: " + life.toSeconds() + " s (expected: 0-" + LONGEST_LIFE.toSeconds()
                            + ", 0 for " + USUAL_LIFE.toHours() + " hours)");
        }
        return certify(
                key,
                new GeneralNames(new GeneralName(GeneralName.uniformResourceIdentifier, identity.toString())),
                life.isZero() ? USUAL_LIFE : life);
    }

    /// A certificate for a server of the mesh itself.
    ///
    /// @param names DNS names
    /// @throws Refused if the signing certificate has ended
    public Signed server(PublicKey key, List<String> names) throws Refused {
        return certify(
                key,
                new GeneralNames(names.stream()
                        .map(name -> new GeneralName(GeneralName.dNSName, name))
                        .toArray(GeneralName[]::new)),
                USUAL_LIFE);
    }

    private Signed certify(PublicKey key, GeneralNames names, Duration life) throws Refused {
        SigningMaterial with = material.get();
        Instant now = clock.instant();
        if (with.isOutOfTime(now)) {
            throw new Refused(
                    IssuanceCounts.SigningError.CA_NOT_READY,
                    "the mesh's signing certificate is not valid now: " + with);
        }
        Instant signerEnds = with.signer().getNotAfter().toInstant();
        Instant end = now.plus(life);
        try {
            var builder = new JcaX509v3CertificateBuilder(
                    with.signer(),
                    serial(),
                    Date.from(now.minus(SKEW)),
                    Date.from(end.isAfter(signerEnds) ? signerEnds : end),
                    new X500Name(""),
                    key);
            var extensions = new JcaX509ExtensionUtils();
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
                    .addExtension(
                            Extension.keyUsage,
                            true,
                            new KeyUsage(KeyUsage.digitalSignature
                                    | (key instanceof RSAPublicKey ? KeyUsage.keyEncipherment : 0)))
                    .addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(new KeyPurposeId[] {
                        KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth
                    }))
                    // Critical, since the subject is empty (RFC 5280, 4.2.1.6).
                    .addExtension(Extension.subjectAlternativeName, true, names)
                    .addExtension(
                            Extension.authorityKeyIdentifier,
                            false,
                            // By its key alone: a renewed authority has another number, and is the same one.
                            extensions.createAuthorityKeyIdentifier(
                                    with.signer().getPublicKey()));
            var chain = new ArrayList<X509Certificate>();
            chain.add(signed(builder, with));
            with.chain().stream()
                    .filter(certificate -> !with.roots().contains(certificate))
                    .forEach(chain::add);
            return new Signed(List.copyOf(chain), with.roots());
        } catch (GeneralSecurityException | CertIOException | OperatorCreationException e) {
            throw new IllegalStateException("a certificate could not be made with " + with, e);
        }
    }

    private static X509Certificate signed(X509v3CertificateBuilder builder, SigningMaterial with)
            throws OperatorCreationException, GeneralSecurityException {
        return new JcaX509CertificateConverter()
                .getCertificate(builder.build(
                        new JcaContentSignerBuilder(algorithm(with.signer().getPublicKey())).build(with.key())));
    }

    private static PublicKey key(String request) throws Refused {
        if (request.length() > MOST_REQUEST) {
            throw new Refused("csr: " + request.length() + " characters (expected: at most " + MOST_REQUEST + ")");
        }
        try {
            List<Object> blocks = Pems.blocks(request, "csr");
            if (blocks.size() != 1
                    || !(blocks.getFirst() instanceof org.bouncycastle.pkcs.PKCS10CertificationRequest parsed)) {
                throw new Refused("csr: not one certificate request (expected: PKCS#10 as PEM)");
            }
            PublicKey key = new JcaPKCS10CertificationRequest(parsed).getPublicKey();
            checkStrength(key);
            if (!parsed.isSignatureValid(new JcaContentVerifierProviderBuilder().build(key))) {
                throw new Refused(
                        IssuanceCounts.SigningError.CSR_ERROR, "csr: its signature is not the one of its key");
            }
            return key;
        } catch (IllegalArgumentException e) {
            throw new Refused(String.valueOf(e.getMessage()));
        } catch (GeneralSecurityException | OperatorCreationException | PKCSException e) {
            throw new Refused("csr: its key cannot be read: " + e.getMessage());
        }
    }

    private static void checkStrength(PublicKey key) throws Refused {
        switch (key) {
            case RSAPublicKey rsa -> {
                int bits = rsa.getModulus().bitLength();
                if (bits < LEAST_RSA || bits > MOST_RSA) {
                    throw new Refused(
                            IssuanceCounts.SigningError.CSR_ERROR,
                            "csr: RSA key of " + bits + " bits (expected: " + LEAST_RSA + "-" + MOST_RSA + ")");
                }
            }
            case ECPublicKey ec -> {
                int bits = ec.getParams().getCurve().getField().getFieldSize();
                if (bits < 256) {
                    throw new Refused(
                            IssuanceCounts.SigningError.CSR_ERROR,
                            "csr: elliptic curve key of " + bits + " bits (expected: P-256, P-384 or P-521)");
                }
            }
            default ->
                throw new Refused(
                        IssuanceCounts.SigningError.CSR_ERROR,
                        "csr: key of kind " + key.getAlgorithm() + " (expected: EC or RSA)");
        }
    }

    /// A root of our own, signed by itself.
    ///
    /// @param organization that its subject names, as Istio's does: the trust domain
    public static SigningMaterial selfSigned(String organization, Clock clock, String origin) {
        return root(keyPair(), new X500Name("O=" + organization), clock, origin);
    }

    /// The same root with the same key for another ten years: what the old one has signed stays valid.
    public static SigningMaterial renewed(SigningMaterial old, Clock clock) {
        return root(
                new KeyPair(old.signer().getPublicKey(), old.key()),
                X500Name.getInstance(old.signer().getSubjectX500Principal().getEncoded()),
                clock,
                old.origin());
    }

    /// Whether a self-signed root has less than a fifth of its life before it.
    public static boolean isDue(X509Certificate root, Instant now) {
        Instant end = root.getNotAfter().toInstant();
        Duration life = Duration.between(root.getNotBefore().toInstant(), end);
        return now.isAfter(end.minus(life.dividedBy(5)));
    }

    private static SigningMaterial root(KeyPair pair, X500Name name, Clock clock, String origin) {
        Instant now = clock.instant();
        try {
            var extensions = new JcaX509ExtensionUtils();
            var builder = new JcaX509v3CertificateBuilder(
                            name,
                            serial(),
                            Date.from(now.minus(SKEW)),
                            Date.from(now.plus(ROOT_LIFE)),
                            name,
                            pair.getPublic())
                    .addExtension(Extension.basicConstraints, true, new BasicConstraints(true))
                    .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign))
                    .addExtension(
                            Extension.subjectKeyIdentifier,
                            false,
                            extensions.createSubjectKeyIdentifier(pair.getPublic()));
            X509Certificate certificate = new JcaX509CertificateConverter()
                    .getCertificate(builder.build(
                            new JcaContentSignerBuilder(algorithm(pair.getPublic())).build(pair.getPrivate())));
            return new SigningMaterial(List.of(certificate), pair.getPrivate(), List.of(certificate), origin);
        } catch (GeneralSecurityException | CertIOException | OperatorCreationException e) {
            throw new IllegalStateException("a root certificate could not be made", e);
        }
    }

    /// A fresh key on P-256.
    static KeyPair keyPair() {
        try {
            var generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
            return generator.generateKeyPair();
        } catch (InvalidAlgorithmParameterException | java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JDK has no P-256", e);
        }
    }

    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, RANDOM).add(BigInteger.ONE);
    }

    /// How a key signs.
    static String algorithm(PublicKey key) {
        if (key instanceof ECPublicKey ec) {
            return ec.getParams().getCurve().getField().getFieldSize() > 256 ? "SHA384withECDSA" : "SHA256withECDSA";
        }
        return key instanceof RSAPublicKey ? "SHA256withRSA" : key.getAlgorithm();
    }
}
