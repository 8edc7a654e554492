package dev.mesh.api.shape;

import java.lang.reflect.Constructor;
import java.util.List;
import java.util.Set;

/// What a value may look like.
public sealed interface Shape {
    record Text() implements Shape {}

    record Whole(long least, long most) implements Shape {}

    record Decimal() implements Shape {}

    record Bool() implements Shape {}

    /// A length of time such as `1.5s` or `1h30m`.
    record TimeSpan() implements Shape {}

    record IntOrText() implements Shape {}

    /// Anything, kept as a tree of maps, lists and scalars.
    record Any() implements Shape {}

    /// @param constants in order; the first is the default
    record Choice(List<Enum<?>> constants) implements Shape {
        public List<String> names() {
            return constants.stream().map(Enum::name).toList();
        }
    }

    record ListOf(Shape item) implements Shape {}

    record MapOf(Shape value) implements Shape {}

    /// A record.
    ///
    /// @param fields in the order of the constructor's parameters
    /// @param unused names that are accepted and not read
    record Fields(Constructor<?> constructor, List<Field> fields, Set<String> unused) implements Shape {}

    /// A sealed interface.
    record OneOf(List<Variant> variants) implements Shape {
        /// The fields that pick a variant.
        public List<String> keys() {
            return variants.stream()
                    .flatMap(variant -> variant.shape().fields().stream())
                    .map(Field::name)
                    .toList();
        }
    }

    /// One field of a record.
    ///
    /// @param names the name itself and its aliases
    /// @param inline the shape is a choice whose fields stand beside the others
    /// @param nullable absent means null, else the default of the shape
    record Field(String name, List<String> names, Shape shape, boolean required, boolean inline, boolean nullable) {}

    /// @param shape with one field, or none for the variant that an empty object stands for
    record Variant(Fields shape) {}
}
