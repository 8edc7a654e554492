package dev.mesh.examples.bookinfo;

/// Where the services are, each as `host:port`.
record Peers(String details, String reviews, String ratings) {
    /// By Bookinfo's names and ports.
    static final Peers NAMED = new Peers("details:9080", "reviews:9080", "ratings:9080");
}
