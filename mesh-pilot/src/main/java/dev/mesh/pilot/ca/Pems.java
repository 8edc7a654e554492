package dev.mesh.pilot.ca;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.util.io.pem.PemObject;

/// PEM, in and out.
final class Pems {
    private Pems() {}

    /// @throws IllegalArgumentException with a sentence that names `what`
    static List<X509Certificate> certificates(String pem, String what) {
        var certificates = new ArrayList<X509Certificate>();
        for (Object block : blocks(pem, what)) {
            if (!(block instanceof X509CertificateHolder holder)) {
                throw new IllegalArgumentException(what + ": holds something else beside certificates");
            }
            try {
                certificates.add(new JcaX509CertificateConverter().getCertificate(holder));
            } catch (GeneralSecurityException e) {
                throw new IllegalArgumentException(what + ": a certificate cannot be read: " + e.getMessage(), e);
            }
        }
        if (certificates.isEmpty()) {
            throw new IllegalArgumentException(what + ": no certificate in it (expected: PEM)");
        }
        return certificates;
    }

    /// A key in PKCS#8, PKCS#1 or SEC1 form.
    ///
    /// @throws IllegalArgumentException with a sentence that names `what`, and never the key
    static PrivateKey key(String pem, String what) {
        var converter = new JcaPEMKeyConverter();
        try {
            for (Object block : blocks(pem, what)) {
                if (block instanceof PEMKeyPair pair) {
                    return converter.getPrivateKey(pair.getPrivateKeyInfo());
                }
                if (block instanceof PrivateKeyInfo info) {
                    return converter.getPrivateKey(info);
                }
            }
        } catch (IOException e) {
            throw new IllegalArgumentException(what + ": the key cannot be read: " + e.getMessage(), e);
        }
        throw new IllegalArgumentException(what + ": no private key in it (expected: PEM, not encrypted)");
    }

    /// Every block.
    ///
    /// @throws IllegalArgumentException with a sentence that names `what`
    static List<Object> blocks(String pem, String what) {
        var blocks = new ArrayList<>();
        try (var parser = new PEMParser(new StringReader(pem))) {
            for (Object block = parser.readObject(); block != null; block = parser.readObject()) {
                blocks.add(block);
            }
            return blocks;
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException(what + ": not well-formed PEM: " + e.getMessage(), e);
        }
    }

    static String text(List<X509Certificate> certificates) {
        var text = new StringBuilder();
        certificates.forEach(certificate -> text.append(text((Object) certificate)));
        return text.toString();
    }

    /// A certificate, or a key as PKCS#8.
    static String text(Object block) {
        var out = new StringWriter();
        try (var writer = new JcaPEMWriter(out)) {
            writer.writeObject(
                    block instanceof PrivateKey key ? new PemObject("PRIVATE KEY", key.getEncoded()) : block);
        } catch (IOException e) {
            throw new IllegalStateException("a string could not be written", e);
        }
        return out.toString();
    }

    /// SHA-256 of a certificate, in hex digits.
    static String fingerprint(X509Certificate certificate) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded()));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a certificate that was read has no encoding", e);
        }
    }

    /// Whether a private key is the one of a public key: what one signs, the other accepts.
    static boolean areOne(PrivateKey key, PublicKey other) {
        try {
            var signature = java.security.Signature.getInstance(CertificateAuthority.algorithm(other));
            signature.initSign(key);
            signature.update(new byte[] {1});
            byte[] signed = signature.sign();
            signature.initVerify(other);
            signature.update(new byte[] {1});
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }
}
