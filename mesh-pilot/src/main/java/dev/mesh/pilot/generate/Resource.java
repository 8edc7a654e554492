package dev.mesh.pilot.generate;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import dev.mesh.api.xds.XdsType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// One xDS resource as bytes. Equal content gives equal bytes and an equal version in every replica.
///
/// @param version hash of the bytes, 16 hex digits
/// @param body the resource packed, with deterministic serialisation
public record Resource(XdsType type, String name, String version, Any body) {

    /// @param message with every nested `Any` already packed by [#pack]
    public static Resource of(XdsType type, String name, Message message) {
        Any body = pack(message);
        return new Resource(type, name, hash(body.getValue()), body);
    }

    /// Packs deterministically (`Any.pack` does not promise an order of map entries).
    public static Any pack(Message message) {
        try {
            var out = ByteString.newOutput(message.getSerializedSize());
            var coded = CodedOutputStream.newInstance(out);
            coded.useDeterministicSerialization();
            message.writeTo(coded);
            coded.flush();
            return Any.newBuilder()
                    .setTypeUrl("type.googleapis.com/"
                            + message.getDescriptorForType().getFullName())
                    .setValue(out.toByteString())
                    .build();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory", e);
        }
    }

    private static String hash(ByteString bytes) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes.asReadOnlyByteBuffer());
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
