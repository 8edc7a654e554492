package dev.mesh.api.shape;

import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Derives shapes from records, each type once. Thread-safe.
public final class Shapes {
    private final Map<Class<?>, Shape> known = new ConcurrentHashMap<>();

    /// @throws IllegalArgumentException if the type cannot be described: a programming error
    public Shape.Fields ofRecord(Class<? extends Record> type) {
        return (Shape.Fields) of(type);
    }

    private Shape of(Type type) {
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = generic.getActualTypeArguments();
            return generic.getRawType() == List.class
                    ? new Shape.ListOf(of(arguments[0]))
                    : new Shape.MapOf(of(arguments[1]));
        }
        Class<?> raw = (Class<?>) type;
        Shape shape = known.get(raw);
        if (shape == null) {
            shape = derive(raw);
            known.put(raw, shape);
        }
        return shape;
    }

    private Shape derive(Class<?> type) {
        if (type == String.class) {
            return new Shape.Text();
        } else if (type == int.class || type == Integer.class) {
            return new Shape.Whole(Integer.MIN_VALUE, Integer.MAX_VALUE);
        } else if (type == long.class || type == Long.class) {
            return new Shape.Whole(Long.MIN_VALUE, Long.MAX_VALUE);
        } else if (type == double.class || type == Double.class) {
            return new Shape.Decimal();
        } else if (type == boolean.class || type == Boolean.class) {
            return new Shape.Bool();
        } else if (type == Duration.class) {
            return new Shape.TimeSpan();
        } else if (type == IntOrText.class) {
            return new Shape.IntOrText();
        } else if (type == Object.class) {
            return new Shape.Any();
        } else if (type.isEnum()) {
            return new Shape.Choice(Arrays.stream(type.getEnumConstants())
                    .<Enum<?>>map(constant -> (Enum<?>) constant)
                    .toList());
        } else if (type.isRecord()) {
            return fields(type);
        } else if (type.isSealed()) {
            return new Shape.OneOf(Arrays.stream(type.getPermittedSubclasses())
                    .map(variant -> new Shape.Variant(fields(variant)))
                    .toList());
        }
        throw new IllegalArgumentException("no shape for " + type);
    }

    private Shape.Fields fields(Class<?> type) {
        var fields = new ArrayList<Shape.Field>();
        for (RecordComponent component : type.getRecordComponents()) {
            Alias alias = component.getAnnotation(Alias.class);
            fields.add(new Shape.Field(
                    component.getName(),
                    alias == null ? List.of(component.getName()) : List.of(component.getName(), alias.value()),
                    of(component.getGenericType()),
                    component.isAnnotationPresent(Required.class),
                    component.isAnnotationPresent(Inline.class),
                    component.getAnnotatedType().isAnnotationPresent(Nullable.class)));
        }
        Unused unused = type.getAnnotation(Unused.class);
        return new Shape.Fields(
                constructor(type), List.copyOf(fields), unused == null ? Set.of() : Set.of(unused.value()));
    }

    private static Constructor<?> constructor(Class<?> type) {
        Class<?>[] parameters = Arrays.stream(type.getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new);
        try {
            return type.getConstructor(parameters);
        } catch (NoSuchMethodException e) {
            throw new IllegalArgumentException(type + " has no public constructor", e);
        }
    }
}
