package dev.mesh.api.decide.compile;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

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
        var type = Packed.type(message);
        set().forEach((number, empty) -> {
            FieldDescriptor field = type.findFieldByNumber(number);
            if (field == null) {
                reasons.add(path + "field " + number + " of " + type.getFullName()
                        + ": unknown (expected: only fields of Envoy v1.34's API)");
            } else if (!honoured.contains(field.getName()) && !(empty && offIsUsual.contains(field.getName()))) {
                reasons.add(path + field.getName() + ": not supported");
            }
        });
    }

    // Number → whether its value has no bytes, as that of a BoolValue that is false. Read off the wire format: asking
    // the
    // message itself makes Java look up every accessor of every field of its class by reflection, which takes a
    // proxy a tenth of its start, and a megabyte for ever.
    private SortedMap<Integer, Boolean> set() {
        var found = new TreeMap<Integer, Boolean>();
        try {
            var wire = message.toByteString().newCodedInput();
            for (int tag = wire.readTag(); tag != 0; tag = wire.readTag()) {
                boolean empty = false;
                if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                    int length = wire.readRawVarint32();
                    wire.skipRawBytes(length);
                    empty = length == 0;
                } else {
                    wire.skipField(tag);
                }
                found.merge(WireFormat.getTagFieldNumber(tag), empty, Boolean::logicalAnd);
            }
        } catch (IOException e) {
            throw new IllegalStateException("a message was written otherwise than it is read", e);
        }
        return found;
    }

    private void known(String name) {
        FieldDescriptor field = Packed.type(message).findFieldByName(name);
        if (field == null) {
            throw new IllegalArgumentException(Packed.type(message).getFullName() + " has no field \"" + name + "\"");
        }
    }
}
