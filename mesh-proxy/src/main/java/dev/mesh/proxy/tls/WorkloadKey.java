package dev.mesh.proxy.tls;

import dev.mesh.api.pem.Der;
import dev.mesh.api.pem.Pem;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;

/// A private key that this process has made, and what is asked for with it. It leaves memory only as far as a TLS
/// library takes it.
public final class WorkloadKey {
    private static final HexFormat HEX = HexFormat.of();
    // Object identifiers with their tag and length.
    private static final byte[] EXTENSION_REQUEST = HEX.parseHex("06092a864886f70d01090e");
    private static final byte[] SUBJECT_ALT_NAME = HEX.parseHex("0603551d11");
    private static final byte[] ECDSA_SHA256 = HEX.parseHex("300a06082a8648ce3d040302");
    private static final byte[] ECDSA_SHA384 = HEX.parseHex("300a06082a8648ce3d040303");
    private static final byte[] RSA_SHA256 = HEX.parseHex("300d06092a864886f70d01010b0500");
    private static final byte[] TRUE = HEX.parseHex("0101ff");
    private static final int URI = 0x86;
    private static final int ATTRIBUTES = 0xa0;

    /// Which kind of key.
    public enum Kind {
        P256("EC", "secp256r1", 0, "SHA256withECDSA"),
        P384("EC", "secp384r1", 0, "SHA384withECDSA"),
        RSA_2048("RSA", "", 2048, "SHA256withRSA"),
        RSA_3072("RSA", "", 3072, "SHA256withRSA"),
        RSA_4096("RSA", "", 4096, "SHA256withRSA");

        private final String algorithm;
        private final String curve;
        private final int bits;
        private final String signature;

        Kind(String algorithm, String curve, int bits, String signature) {
            this.algorithm = algorithm;
            this.curve = curve;
            this.bits = bits;
            this.signature = signature;
        }
    }

    private final Kind kind;
    private final KeyPair pair;

    private WorkloadKey(Kind kind, KeyPair pair) {
        this.kind = kind;
        this.pair = pair;
    }

    public static WorkloadKey generate(Kind kind) {
        try {
            var generator = KeyPairGenerator.getInstance(kind.algorithm);
            if (kind.curve.isEmpty()) {
                generator.initialize(kind.bits);
            } else {
                generator.initialize(new ECGenParameterSpec(kind.curve));
            }
            return new WorkloadKey(kind, generator.generateKeyPair());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has " + kind.algorithm, e);
        }
    }

    /// A request for a certificate (PKCS #10, RFC 2986) with one URI as its name and no subject, in PEM.
    public String request(String uri) {
        byte[] names = Der.sequence(Der.tagged(URI, uri.getBytes(StandardCharsets.US_ASCII)));
        // Without a subject the names are critical (RFC 5280, 4.2.1.6).
        byte[] extension = Der.sequence(SUBJECT_ALT_NAME, TRUE, Der.tagged(Der.OCTET_STRING, names));
        byte[] attribute = Der.sequence(EXTENSION_REQUEST, Der.tagged(Der.SET, Der.sequence(extension)));
        byte[] info = Der.sequence(
                Der.tagged(Der.INTEGER, new byte[] {0}),
                Der.sequence(),
                pair.getPublic().getEncoded(),
                Der.tagged(ATTRIBUTES, attribute));
        try {
            Signature signing = Signature.getInstance(kind.signature);
            signing.initSign(pair.getPrivate());
            signing.update(info);
            byte[] algorithm = switch (kind) {
                case P256 -> ECDSA_SHA256;
                case P384 -> ECDSA_SHA384;
                case RSA_2048, RSA_3072, RSA_4096 -> RSA_SHA256;
            };
            byte[] signature = Der.tagged(Der.BIT_STRING, new byte[] {0}, signing.sign());
            return pem("CERTIFICATE REQUEST", Der.sequence(info, algorithm, signature));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a key of ours signs", e);
        }
    }

    /// PKCS #8, in PEM.
    public String pem() {
        return pem("PRIVATE KEY", pair.getPrivate().getEncoded());
    }

    /// Whether a certificate is for this key.
    public boolean isOf(X509Certificate certificate) {
        return Arrays.equals(
                certificate.getPublicKey().getEncoded(), pair.getPublic().getEncoded());
    }

    /// @return at least one, the first in the text first
    /// @throws GeneralSecurityException if the text has none, or has one that cannot be read
    public static List<X509Certificate> certificates(String pem) throws GeneralSecurityException {
        return Pem.certificates(pem.getBytes(StandardCharsets.ISO_8859_1));
    }

    /// @param type such as `CERTIFICATE`
    public static String pem(String type, byte[] bytes) {
        return "-----BEGIN " + type + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes) + "\n-----END " + type + "-----\n";
    }
}
