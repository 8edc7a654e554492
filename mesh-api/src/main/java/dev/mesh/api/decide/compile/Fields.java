package dev.mesh.api.decide.compile;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Guards one message against silence: a field that is set and that nobody honours is a reason to refuse it.
///
/// Where the message is read, the reader lists the fields it honours; whatever else is set is refused by name. A field
/// that a newer API has added is so refused too.
public final class Fields {
    private final Message message;
    private final String path;
    private final Set<String> honoured = new HashSet<>();
    private final Set<String> offIsUsual = new HashSet<>();

    private Fields(Message message, String path) {
        this.message = message;
        this.path = path.isEmpty() ? "" : path + ".";
    }

    /// @param path where the message stands; empty = at the top
    public static Fields of(Message message, String path) {
        return new Fields(message, path);
    }

    /// Fields that are read, or that change nothing here.
    public Fields honours(String... names) {
        honoured.addAll(List.of(names));
        return this;
    }

    /// Switches that are off unless set, and that nobody honours: to set them to false is no reason to refuse.
    public Fields offOnly(String... names) {
        offIsUsual.addAll(List.of(names));
        return this;
    }

    /// Adds a reason for each other field that is set.
    ///
    /// @throws IllegalArgumentException if a listed name is no field of the message: a mistake of the reader
    public void refuseOthers(List<String> reasons) {
        for (String name : honoured) {
            known(name);
        }
        offIsUsual.forEach(this::known);
        message.getAllFields().forEach((field, value) -> {
            if (!honoured.contains(field.getName())
                    && !(offIsUsual.contains(field.getName())
                            && BoolValue.getDefaultInstance().equals(value))) {
                reasons.add(path + field.getName() + ": not supported");
            }
        });
        message.getUnknownFields()
                .asMap()
                .keySet()
                .forEach(number -> reasons.add(path + "field " + number + " of "
                        + message.getDescriptorForType().getFullName()
                        + ": unknown (expected: only fields of Envoy v1.34's API)"));
    }

    private void known(String name) {
        FieldDescriptor field = message.getDescriptorForType().findFieldByName(name);
        if (field == null) {
            throw new IllegalArgumentException(
                    message.getDescriptorForType().getFullName() + " has no field \"" + name + "\"");
        }
    }
}
