package dev.mesh.api.decide;

/// The headers of a message, value by value.
public interface HeaderValues {
    /// How many times the header stands in the message.
    ///
    /// @param lowerCaseName in lower case; `:method` and the like are pseudo headers
    int headerCount(String lowerCaseName);

    /// Its value at `index`, from 0 to `headerCount - 1`.
    String headerAt(String lowerCaseName, int index);
}
