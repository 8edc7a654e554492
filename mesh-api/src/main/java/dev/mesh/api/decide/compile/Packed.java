package dev.mesh.api.decide.compile;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;

/// Messages in and out of `google.protobuf.Any`, without reflection.
///
/// [Any]'s own methods ask a message for its type, and generated messages then look up every accessor of every field by
/// reflection: some hundred milliseconds of a proxy's start, and a megabyte for ever. A builder knows its type so.
public final class Packed {
    private static final String PREFIX = "type.googleapis.com/";

    private Packed() {}

    /// The type of a message.
    public static Descriptor type(Message message) {
        return message.newBuilderForType().getDescriptorForType();
    }

    /// The message in an [Any].
    public static Any pack(Message message) {
        return Any.newBuilder()
                .setTypeUrl(PREFIX + type(message).getFullName())
                .setValue(message.toByteString())
                .build();
    }

    /// Whether a message of the type of `prototype` is in it.
    public static boolean is(Any any, Message prototype) {
        String url = any.getTypeUrl();
        String name = type(prototype).getFullName();
        return url.endsWith(name)
                && url.length() > name.length()
                && url.charAt(url.length() - name.length() - 1) == '/';
    }

    /// What is in it.
    ///
    /// @param prototype any message of the type
    /// @throws InvalidProtocolBufferException if it is of another type, or no such message
    @SuppressWarnings("unchecked") // a message's parser makes messages of its class
    public static <T extends Message> T unpack(Any any, T prototype) throws InvalidProtocolBufferException {
        if (!is(any, prototype)) {
            throw new InvalidProtocolBufferException("Type of the Any message does not match the given class.");
        }
        return (T) prototype.getParserForType().parseFrom(any.getValue());
    }
}
