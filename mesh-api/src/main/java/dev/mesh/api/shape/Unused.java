package dev.mesh.api.shape;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Fields that belong to the API and mean nothing to a mesh; accepted without being read.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Unused {
    /// Their names; [#ANY] stands for every field that the record does not have.
    String[] value();

    /// For kinds of Kubernetes of which a mesh looks at a small part.
    String ANY = "*";
}
