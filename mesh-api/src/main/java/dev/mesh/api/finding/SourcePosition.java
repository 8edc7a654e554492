package dev.mesh.api.finding;

/// A place in a file.
///
/// @param file as the user named it, relative to the folder
/// @param line from 1
/// @param column from 1
public record SourcePosition(String file, int line, int column) {
    @Override
    public String toString() {
        return file + ":" + line + ":" + column;
    }
}
