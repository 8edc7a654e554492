package dev.mesh.cli.client;

/// Something a person must hear of and can act on; its message is the whole story, without a stack trace.
public final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;

    public Failure(String message) {
        super(message, null, false, false);
    }
}
