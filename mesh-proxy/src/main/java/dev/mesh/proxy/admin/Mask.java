package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.FieldMaskUtil;
import dev.mesh.api.decide.compile.EnvoyTypes;
import java.util.ArrayList;
import java.util.List;

/// `?mask=`: a `google.protobuf.FieldMask` as text, which leads into packed messages too: `cluster.name`.
final class Mask {
    private Mask() {}

    /// No message has such a field.
    static final class Unusable extends Exception {
        private static final long serialVersionUID = 1;

        Unusable(String mask) {
            super("FieldMask paths: \"" + mask + "\" could not be successfully used", null, false, false);
        }
    }

    /// Keeps what the mask names; a section that has none of it is left as it is, as in Envoy.
    static Message lenient(Message message, String mask) {
        try {
            return strict(message, mask);
        } catch (Unusable e) {
            return message.getDefaultInstanceForType();
        }
    }

    /// @param mask empty: everything
    /// @throws Unusable if a path is none of the message's
    static Message strict(Message message, String mask) throws Unusable {
        if (mask.isEmpty()) {
            return message;
        }
        Message.Builder kept = message.newBuilderForType();
        for (String path : mask.split(",", -1)) {
            keep(message, path.trim(), kept, mask);
        }
        return kept.build();
    }

    private static void keep(Message message, String path, Message.Builder kept, String mask) throws Unusable {
        int dot = path.indexOf('.');
        String name = dot < 0 ? path : path.substring(0, dot);
        FieldDescriptor field = message.getDescriptorForType().findFieldByName(name);
        if (field == null) {
            throw new Unusable(mask);
        }
        if (dot < 0) {
            kept.setField(field, message.getField(field));
            return;
        }
        if (field.isRepeated() || field.getJavaType() != FieldDescriptor.JavaType.MESSAGE) {
            throw new Unusable(mask);
        }
        String rest = path.substring(dot + 1);
        Message inner = (Message) message.getField(field);
        if (inner instanceof Any packed) {
            Message before = kept.hasField(field) ? (Message) kept.getField(field) : packed;
            kept.setField(field, merged(packed, rest, kept.hasField(field) ? (Any) before : null, mask));
        } else {
            var trimmed = inner.newBuilderForType();
            if (!FieldMaskUtil.isValid(inner.getDescriptorForType(), rest)) {
                throw new Unusable(mask);
            }
            FieldMaskUtil.merge(FieldMaskUtil.fromStringList(List.of(rest)), inner, trimmed);
            kept.setField(
                    field,
                    ((Message) kept.getField(field))
                            .toBuilder().mergeFrom(trimmed.build()).build());
        }
    }

    private static Any merged(Any packed, String rest, @org.jspecify.annotations.Nullable Any before, String mask)
            throws Unusable {
        try {
            var descriptor = EnvoyTypes.REGISTRY.find(
                    packed.getTypeUrl().substring(packed.getTypeUrl().lastIndexOf('/') + 1));
            if (descriptor == null || !FieldMaskUtil.isValid(descriptor, rest)) {
                throw new Unusable(mask);
            }
            var whole = DynamicMessage.parseFrom(descriptor, packed.getValue());
            var kept = before == null
                    ? DynamicMessage.newBuilder(descriptor)
                    : DynamicMessage.parseFrom(descriptor, before.getValue()).toBuilder();
            var paths = new ArrayList<String>();
            paths.add(rest);
            FieldMaskUtil.merge(FieldMaskUtil.fromStringList(paths), whole, kept);
            return packed.toBuilder().setValue(kept.build().toByteString()).build();
        } catch (InvalidProtocolBufferException e) {
            throw new Unusable(mask);
        }
    }
}
