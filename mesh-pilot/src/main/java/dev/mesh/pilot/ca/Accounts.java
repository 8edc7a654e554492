package dev.mesh.pilot.ca;

import dev.mesh.api.identity.SpiffeId;

/// Which service accounts there are. Any thread; may ask over the network.
@FunctionalInterface
public interface Accounts {
    /// Where nobody knows: every one.
    Accounts ALL = identity -> true;

    /// Whether the account of an identity is there now.
    ///
    /// @throws TokenReviewer.Unavailable if that cannot be found out now
    boolean exists(SpiffeId identity) throws TokenReviewer.Unavailable;
}
