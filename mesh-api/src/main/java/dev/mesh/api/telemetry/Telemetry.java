package dev.mesh.api.telemetry;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.networking.TargetRef;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What is measured, traced and logged (`telemetry.istio.io` Telemetry).
public record Telemetry(
        @Nullable Selector selector,
        @Nullable TargetRef targetRef,
        List<TargetRef> targetRefs,
        List<Tracing> tracing,
        List<Metrics> metrics,
        List<AccessLogging> accessLogging)
        implements Spec {

    public enum Mode {
        CLIENT_AND_SERVER,
        CLIENT,
        SERVER
    }

    public record Provider(@Required String name) {}

    public record ModeMatch(Mode mode) {}

    public record Tracing(
            @Nullable ModeMatch match,
            List<Provider> providers,
            @Nullable Double randomSamplingPercentage,
            @Nullable Boolean disableSpanReporting,
            @Nullable Boolean disableContextPropagation,
            Map<String, CustomTag> customTags,
            @Nullable Boolean enableIstioTags,
            @Nullable Boolean useRequestIdForTraceSampling) {}

    public sealed interface CustomTag {
        record OfLiteral(Literal literal) implements CustomTag {}

        record OfEnvironment(Environment environment) implements CustomTag {}

        record OfHeader(RequestHeader header) implements CustomTag {}

        record OfFormatter(Formatter formatter) implements CustomTag {}
    }

    public record Literal(@Required String value) {}

    public record Environment(@Required String name, String defaultValue) {}

    public record RequestHeader(@Required String name, String defaultValue) {}

    public record Formatter(@Required String value) {}

    public record Metrics(
            List<Provider> providers,
            List<MetricOverride> overrides,
            @Nullable Duration reportingInterval) {}

    public record MetricOverride(
            @Nullable MetricSelector match, @Nullable Boolean disabled, Map<String, TagOverride> tagOverrides) {}

    public record MetricSelector(@Inline @Nullable MetricName name, Mode mode) {}

    public sealed interface MetricName {
        record Standard(Metric metric) implements MetricName {}

        record Custom(String customMetric) implements MetricName {}
    }

    public enum Metric {
        ALL_METRICS,
        REQUEST_COUNT,
        REQUEST_DURATION,
        REQUEST_SIZE,
        RESPONSE_SIZE,
        TCP_OPENED_CONNECTIONS,
        TCP_CLOSED_CONNECTIONS,
        TCP_SENT_BYTES,
        TCP_RECEIVED_BYTES,
        GRPC_REQUEST_MESSAGES,
        GRPC_RESPONSE_MESSAGES
    }

    public record TagOverride(Operation operation, String value) {}

    public enum Operation {
        UPSERT,
        REMOVE
    }

    public record AccessLogging(
            @Nullable ModeMatch match,
            List<Provider> providers,
            @Nullable Boolean disabled,
            @Nullable Filter filter) {}

    /// @param expression in CEL
    public record Filter(String expression) {}
}
