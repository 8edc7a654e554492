package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.mesh.api.decide.compile.EnvoyTypes;
import java.util.List;
import udpa.annotations.Sensitive;

/// Takes out what Envoy's API marks as sensitive: private keys, passwords, tokens. Numbers and words under such a field
/// become zero and `[redacted]`, whatever they are packed in.
final class Redaction {
    private static final String WORD = "[redacted]";

    private Redaction() {}

    @SuppressWarnings("unchecked")
    static <M extends Message> M of(M message) {
        return (M) redacted(message, false);
    }

    private static Message redacted(Message message, boolean sensitive) {
        if (message instanceof Any any) {
            return packed(any, sensitive);
        }
        if (message.getDescriptorForType().getFullName().equals("google.protobuf.Any")) {
            try {
                return packed(Any.parseFrom(message.toByteString()), sensitive);
            } catch (InvalidProtocolBufferException e) {
                throw new IllegalStateException("these are its own bytes", e);
            }
        }
        Message.Builder builder = message.toBuilder();
        message.getAllFields().forEach((field, value) -> {
            boolean here = sensitive
                    || field.getOptions().hasExtension(Sensitive.sensitive)
                            && field.getOptions().getExtension(Sensitive.sensitive);
            if (field.isRepeated()) {
                List<?> items = (List<?>) value;
                for (int i = 0; i < items.size(); i++) {
                    builder.setRepeatedField(field, i, value(field, items.get(i), here));
                }
            } else {
                builder.setField(field, value(field, value, here));
            }
        });
        return builder.build();
    }

    private static Object value(FieldDescriptor field, Object value, boolean sensitive) {
        return switch (field.getJavaType()) {
            case MESSAGE -> redacted((Message) value, sensitive);
            case STRING -> sensitive ? WORD : value;
            case BYTE_STRING -> sensitive ? ByteString.copyFromUtf8(WORD) : value;
            default -> sensitive ? zero(field) : value;
        };
    }

    private static Object zero(FieldDescriptor field) {
        return field.isRepeated()
                ? DynamicMessage.getDefaultInstance(field.getContainingType()).getField(field)
                : field.getDefaultValue();
    }

    private static Any packed(Any any, boolean sensitive) {
        try {
            Descriptor descriptor = EnvoyTypes.REGISTRY.find(
                    any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('/') + 1));
            if (descriptor == null) {
                return any;
            }
            Message inner = DynamicMessage.parseFrom(descriptor, any.getValue());
            return any.toBuilder()
                    .setValue(redacted(inner, sensitive).toByteString())
                    .build();
        } catch (InvalidProtocolBufferException e) {
            return any;
        }
    }
}
