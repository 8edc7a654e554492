package dev.mesh.api.pem;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/// Certificates and private keys in PEM (RFC 7468): PKCS #8, encrypted or not, and the older forms of RSA and EC keys.
public final class Pem {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----", Pattern.DOTALL);
    private static final HexFormat HEX = HexFormat.of();
    private static final byte[] RSA = HEX.parseHex("300d06092a864886f70d0101010500");
    private static final String EC_KEY = "06072a8648ce3d0201";
    private static final List<String> CURVES = List.of("06082a8648ce3d030107", "06052b81040022", "06052b81040023");

    private Pem() {}

    private record Block(String type, byte[] bytes) {}

    private static List<Block> blocks(byte[] pem) throws GeneralSecurityException {
        var blocks = new ArrayList<Block>();
        var found = BLOCK.matcher(new String(pem, StandardCharsets.ISO_8859_1));
        while (found.find()) {
            if (found.group(2).contains("DEK-Info")) {
                throw new InvalidKeyException("encrypted in the old form (expected: PKCS #8)");
            }
            try {
                blocks.add(new Block(found.group(1), Base64.getMimeDecoder().decode(found.group(2))));
            } catch (IllegalArgumentException e) {
                throw new InvalidKeyException(found.group(1) + ": not Base64", e);
            }
        }
        return blocks;
    }

    /// @return at least one, the first in the text first
    /// @throws GeneralSecurityException with what is wrong
    public static List<X509Certificate> certificates(byte[] pem) throws GeneralSecurityException {
        var factory = CertificateFactory.getInstance("X.509");
        var all = new ArrayList<X509Certificate>();
        for (Block block : blocks(pem)) {
            if (block.type.endsWith("CERTIFICATE")
                    && factory.generateCertificate(new ByteArrayInputStream(block.bytes))
                            instanceof X509Certificate one) {
                all.add(one);
            }
        }
        if (all.isEmpty()) {
            throw new CertificateException("no certificate in PEM form");
        }
        return all;
    }

    /// Certificate revocation lists (RFC 5280, 5).
    ///
    /// @return at least one, the first in the text first
    /// @throws GeneralSecurityException with what is wrong
    public static List<X509CRL> revocationLists(byte[] pem) throws GeneralSecurityException {
        var factory = CertificateFactory.getInstance("X.509");
        var all = new ArrayList<X509CRL>();
        for (Block block : blocks(pem)) {
            if (block.type.equals("X509 CRL")
                    && factory.generateCRL(new ByteArrayInputStream(block.bytes)) instanceof X509CRL one) {
                all.add(one);
            }
        }
        if (all.isEmpty()) {
            throw new CRLException("no certificate revocation list in PEM form");
        }
        return all;
    }

    /// @param password empty = none
    /// @throws GeneralSecurityException with what is wrong, and never the key
    public static PrivateKey privateKey(byte[] pem, char[] password) throws GeneralSecurityException {
        for (Block block : blocks(pem)) {
            switch (block.type) {
                case "PRIVATE KEY" -> {
                    return key(block.bytes);
                }
                case "RSA PRIVATE KEY" -> {
                    return key(Der.sequence(HEX.parseHex("020100"), RSA, Der.tagged(0x04, block.bytes)));
                }
                case "EC PRIVATE KEY" -> {
                    return key(Der.sequence(
                            HEX.parseHex("020100"),
                            Der.sequence(HEX.parseHex(EC_KEY), curve(block.bytes)),
                            Der.tagged(0x04, block.bytes)));
                }
                case "ENCRYPTED PRIVATE KEY" -> {
                    return decrypted(block.bytes, password);
                }
                default -> {}
            }
        }
        throw new InvalidKeyException("no private key in PEM form");
    }

    private static PrivateKey decrypted(byte[] bytes, char[] password) throws GeneralSecurityException {
        try {
            var info = new EncryptedPrivateKeyInfo(bytes);
            String algorithm =
                    info.getAlgName().equals("PBES2") ? info.getAlgParameters().toString() : info.getAlgName();
            Cipher cipher = Cipher.getInstance(algorithm);
            cipher.init(
                    Cipher.DECRYPT_MODE,
                    SecretKeyFactory.getInstance(algorithm).generateSecret(new PBEKeySpec(password)),
                    info.getAlgParameters());
            return key(info.getKeySpec(cipher).getEncoded());
        } catch (java.io.IOException e) {
            throw new InvalidKeyException("cannot be decrypted", e);
        }
    }

    // The kind of key stands in the bytes; three are asked rather than reading it.
    private static PrivateKey key(byte[] pkcs8) throws GeneralSecurityException {
        GeneralSecurityException last = new InvalidKeyException("no key");
        for (String kind : List.of("RSA", "EC", "EdDSA")) {
            try {
                return KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
            } catch (GeneralSecurityException e) {
                last = e;
            }
        }
        throw last;
    }

    private static byte[] curve(byte[] key) throws InvalidKeyException {
        String hex = HEX.formatHex(key);
        for (String curve : CURVES) {
            if (hex.contains(curve)) {
                return HEX.parseHex(curve);
            }
        }
        throw new InvalidKeyException("a curve that is not supported (expected: P-256, P-384 or P-521)");
    }

    /// @throws InvalidKeyException if the key is not the certificate's
    public static void checkBelongs(PrivateKey key, X509Certificate certificate) throws GeneralSecurityException {
        String algorithm = key instanceof ECPrivateKey
                ? "SHA256withECDSA"
                : key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "EdDSA";
        byte[] something = {1, 2, 3};
        Signature signing = Signature.getInstance(algorithm);
        signing.initSign(key);
        signing.update(something);
        byte[] signature = signing.sign();
        boolean belongs = false;
        try {
            Signature verifying = Signature.getInstance(algorithm);
            verifying.initVerify(certificate.getPublicKey());
            verifying.update(something);
            belongs = verifying.verify(signature);
        } catch (GeneralSecurityException e) {
            belongs = false; // of another kind, even
        }
        if (!belongs) {
            throw new InvalidKeyException("the private key is not that of the certificate");
        }
    }
}
