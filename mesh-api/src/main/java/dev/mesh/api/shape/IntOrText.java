package dev.mesh.api.shape;

/// A value that may be written as a number or as text, such as a target port.
///
/// @param text as written; empty: unset
public record IntOrText(String text) {
    public static final IntOrText UNSET = new IntOrText("");

    public boolean isNumber() {
        return !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }
}
