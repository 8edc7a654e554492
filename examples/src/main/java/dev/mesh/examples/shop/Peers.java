package dev.mesh.examples.shop;

/// Where the services are, each as `host:port`.
record Peers(String catalog, String ratings, String reviews, String cart, String stock) {
    /// By their ordinary names.
    static final Peers NAMED = new Peers("catalog:9090", "ratings:9090", "reviews:8080", "cart:8080", "stock:7070");
}
