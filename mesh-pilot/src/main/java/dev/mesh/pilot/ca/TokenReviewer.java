package dev.mesh.pilot.ca;

import dev.mesh.pilot.model.Caller;

/// Judges bearer tokens.
@FunctionalInterface
public interface TokenReviewer {
    /// May block.
    ///
    /// @throws Invalid if the token proves nothing
    /// @throws Unavailable if that cannot be found out now
    Caller review(String token) throws Invalid, Unavailable;

    /// The message is a sentence for the caller.
    final class Invalid extends Exception {
        private static final long serialVersionUID = 1;

        public Invalid(String sentence) {
            super(sentence, null, false, false);
        }
    }

    /// The message is a sentence for the caller and the log.
    final class Unavailable extends Exception {
        private static final long serialVersionUID = 1;

        public Unavailable(String sentence) {
            super(sentence, null, false, false);
        }
    }
}
