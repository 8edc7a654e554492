package dev.mesh.proxy.stats;

/// A prefix under which statistics live. Getting one that exists gives the same object, so hot paths look
/// theirs up once, when configuration is loaded.
///
/// In `/stats` a statistic is called by its dotted name, tag values included
/// (`cluster.outbound|80||a.upstream_rq_total`); in Prometheus the tag values are labels
/// (`envoy_cluster_upstream_rq_total{envoy_cluster_name="outbound|80||a"}`).
public interface Scope {
    Counter counter(String name);

    Gauge gauge(String name);

    Histogram histogram(String name);

    /// `http.` → `http.rds.`
    Scope child(String segment);

    /// A child whose segment is a tag's value: `cluster` with tag `envoy_cluster_name` → `cluster.<value>.`
    Scope tagged(String segment, String tag, String value);

    /// Drops everything under this prefix (a removed cluster or listener).
    void remove();
}
