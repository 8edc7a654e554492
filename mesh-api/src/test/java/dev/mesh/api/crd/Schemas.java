package dev.mesh.api.crd;

import dev.mesh.api.shape.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Shapes as structural OpenAPI v3 schemas, in the form of `CustomResourceDefinition`s.
final class Schemas {
    private static final String UNKNOWN = "x-kubernetes-preserve-unknown-fields";

    private final Javadoc javadoc;

    Schemas(Javadoc javadoc) {
        this.javadoc = javadoc;
    }

    /// The schema of a record.
    Map<String, Object> of(Shape.Fields shape) {
        var properties = new TreeMap<String, Object>();
        var required = new ArrayList<String>();
        var choices = new ArrayList<Map<String, Object>>();
        for (Shape.Field field : shape.fields()) {
            if (field.inline()) {
                var choice = (Shape.OneOf) field.shape();
                choice.variants().forEach(variant -> variants(variant, properties));
                choices.add(choice(choice));
            } else {
                Map<String, Object> schema = described(field, type(shape));
                field.names().forEach(name -> properties.put(name, schema));
                // Of a field with two names either will do, which `required` cannot say.
                if (field.required() && field.names().stream().distinct().count() == 1) {
                    required.add(field.name());
                }
            }
        }
        shape.unused().forEach(name -> properties.put(name, new LinkedHashMap<>(Map.of(UNKNOWN, true))));
        Map<String, Object> schema = new LinkedHashMap<>();
        String description = javadoc.of(type(shape));
        if (!description.isEmpty()) {
            schema.put("description", description);
        }
        schema.put("type", "object");
        if (!properties.isEmpty()) {
            schema.put("properties", properties);
        }
        if (!required.isEmpty()) {
            schema.put("required", required);
        }
        if (choices.size() == 1) {
            schema.putAll(choices.getFirst());
        } else if (!choices.isEmpty()) {
            schema.put("allOf", choices);
        }
        return schema;
    }

    private Map<String, Object> of(Shape shape) {
        return switch (shape) {
            case Shape.Text(), Shape.TimeSpan() -> scalar("string");
            case Shape.Whole whole -> {
                Map<String, Object> schema = scalar("integer");
                if (whole.most() > Integer.MAX_VALUE) {
                    schema.put("format", "int64");
                }
                yield schema;
            }
            case Shape.Decimal() -> scalar("number");
            case Shape.Bool() -> scalar("boolean");
            case Shape.IntOrText() -> {
                var schema = new LinkedHashMap<String, Object>();
                schema.put("x-kubernetes-int-or-string", true);
                schema.put("anyOf", List.of(scalar("integer"), scalar("string")));
                yield schema;
            }
            case Shape.Any() -> new LinkedHashMap<>(Map.of(UNKNOWN, true));
            case Shape.Choice choice -> {
                Map<String, Object> schema = scalar("string");
                schema.put("enum", choice.names());
                yield schema;
            }
            case Shape.ListOf(Shape item) -> {
                Map<String, Object> schema = scalar("array");
                schema.put("items", of(item));
                yield schema;
            }
            case Shape.MapOf(Shape.Any()) -> {
                Map<String, Object> schema = scalar("object");
                schema.put(UNKNOWN, true);
                yield schema;
            }
            case Shape.MapOf(Shape value) -> {
                Map<String, Object> schema = scalar("object");
                schema.put("additionalProperties", of(value));
                yield schema;
            }
            case Shape.Fields fields -> of(fields);
            case Shape.OneOf oneOf -> {
                var properties = new TreeMap<String, Object>();
                oneOf.variants().forEach(variant -> variants(variant, properties));
                Map<String, Object> schema = new LinkedHashMap<>();
                Class<?> type = type(oneOf.variants().getFirst().shape()).getInterfaces()[0];
                if (!javadoc.of(type).isEmpty()) {
                    schema.put("description", javadoc.of(type));
                }
                schema.put("type", "object");
                schema.put("properties", properties);
                schema.putAll(choice(oneOf));
                yield schema;
            }
        };
    }

    private Map<String, Object> described(Shape.Field field, Class<?> owner) {
        var schema = new LinkedHashMap<String, Object>();
        String description = javadoc.of(owner, field.name());
        Map<String, Object> plain = of(field.shape());
        if (description.isEmpty()) {
            // A list of things is what its things are.
            description = plain.get("description") instanceof String own
                    ? own
                    : plain.get("items") instanceof Map<?, ?> item && item.get("description") instanceof String of
                            ? of
                            : "";
        }
        if (!description.isEmpty()) {
            schema.put("description", description);
        }
        plain.forEach((key, value) -> {
            if (!key.equals("description")) {
                schema.put(key, value);
            }
        });
        if (field.nullable() && isScalar(field.shape())) {
            schema.put("nullable", true);
        }
        return schema;
    }

    private static boolean isScalar(Shape shape) {
        return shape instanceof Shape.Whole || shape instanceof Shape.Decimal || shape instanceof Shape.Bool;
    }

    private void variants(Shape.Variant variant, Map<String, Object> properties) {
        for (Shape.Field field : variant.shape().fields()) {
            Class<?> type = type(variant.shape());
            Map<String, Object> schema = described(field, type);
            if (!schema.containsKey("description")) {
                String description = javadoc.of(type);
                description = description.isEmpty() ? javadoc.of(type.getInterfaces()[0]) : description;
                if (!description.isEmpty()) {
                    var described = new LinkedHashMap<String, Object>();
                    described.put("description", description);
                    described.putAll(schema);
                    schema = described;
                }
            }
            properties.put(field.name(), schema);
        }
    }

    // At most one of the fields, in the form that structural schemas allow.
    private static Map<String, Object> choice(Shape.OneOf shape) {
        List<Map<String, Object>> each = shape.keys().stream()
                .map(key -> Map.<String, Object>of("required", List.of(key)))
                .toList();
        var alternatives = new ArrayList<Map<String, Object>>();
        alternatives.add(Map.of("not", Map.of("anyOf", each)));
        alternatives.addAll(each);
        return Map.of("oneOf", alternatives);
    }

    private static Class<?> type(Shape.Fields shape) {
        return shape.constructor().getDeclaringClass();
    }

    private static Map<String, Object> scalar(String type) {
        var schema = new LinkedHashMap<String, Object>();
        schema.put("type", type);
        return schema;
    }
}
