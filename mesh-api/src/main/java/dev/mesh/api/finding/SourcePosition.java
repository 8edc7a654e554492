package dev.mesh.api.finding;

/// A place in a file, or an object of an API server, which has no lines.
///
/// @param file as the user named it, relative to the folder; or the object and its field, in words
/// @param line from 1; 0 = there are no lines
/// @param column from 1; 0 without lines
public record SourcePosition(String file, int line, int column) {
    @Override
    public String toString() {
        return isInFile() ? file + ":" + line + ":" + column : file;
    }

    /// Whether it is a line of a file.
    public boolean isInFile() {
        return line > 0;
    }
}
