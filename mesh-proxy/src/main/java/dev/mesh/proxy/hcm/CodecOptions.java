package dev.mesh.proxy.hcm;

import com.google.protobuf.UInt32Value;
import com.google.protobuf.util.Durations;
import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.codec.Http2Limits;
import io.envoyproxy.envoy.config.core.v3.Http1ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.KeepaliveSettings;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `http_protocol_options` and `http2_protocol_options` of a connection manager → what its codecs do, with
/// Envoy's defaults, or the reasons why they cannot.
final class CodecOptions {
    private CodecOptions() {}

    static Http1Limits http1(Http1ProtocolOptions proto, int headBytes, int headers, List<String> reasons) {
        String at = "http_protocol_options.";
        if (proto.getAllowChunkedLength()) {
            reasons.add(at + "allow_chunked_length: not supported, since it invites request smuggling");
        }
        if (proto.hasAllowAbsoluteUrl() && !proto.getAllowAbsoluteUrl().getValue()) {
            reasons.add(at + "allow_absolute_url: false is not supported (expected: unset or true)");
        }
        if (proto.getIgnoreHttp11UpgradeCount() > 0) {
            reasons.add(at + "ignore_http_11_upgrade: not supported");
        }
        return new Http1Limits(
                headBytes,
                headers,
                proto.getEnableTrailers(),
                proto.getAcceptHttp10(),
                proto.getDefaultHostForHttp10(),
                properCase(proto, at, reasons));
    }

    private static boolean properCase(Http1ProtocolOptions proto, String at, List<String> reasons) {
        return switch (proto.getHeaderKeyFormat().getHeaderFormatCase()) {
            case PROPER_CASE_WORDS -> true;
            case HEADERFORMAT_NOT_SET -> false;
            case STATEFUL_FORMATTER -> {
                reasons.add(at + "header_key_format.stateful_formatter: not supported (expected: proper_case_words)");
                yield false;
            }
        };
    }

    static Http2Limits http2(
            Http2ProtocolOptions proto, int headBytes, int headers, boolean streamErrors, List<String> reasons) {
        String at = "http2_protocol_options.";
        var usual = Http2Limits.DEFAULT;
        var floods = usual.floods();
        if (proto.hasMaxOutboundFrames()) {
            reasons.add(at + "max_outbound_frames: not supported (what waits is bounded by flow control)");
        }
        if (proto.getAllowMetadata() || proto.hasMaxMetadataSize()) {
            reasons.add(at + "allow_metadata: not supported");
        }
        if (proto.getCustomSettingsParametersCount() > 0) {
            reasons.add(at + "custom_settings_parameters: not supported");
        }
        int window = within(
                proto.getInitialStreamWindowSize(),
                proto.hasInitialStreamWindowSize(),
                usual.streamWindow(),
                65535,
                at + "initial_stream_window_size",
                reasons);
        int connectionWindow = within(
                proto.getInitialConnectionWindowSize(),
                proto.hasInitialConnectionWindowSize(),
                usual.connectionWindow(),
                65535,
                at + "initial_connection_window_size",
                reasons);
        return new Http2Limits(
                within(
                        proto.getMaxConcurrentStreams(),
                        proto.hasMaxConcurrentStreams(),
                        usual.maxConcurrentStreams(),
                        1,
                        at + "max_concurrent_streams",
                        reasons),
                window,
                connectionWindow,
                headBytes,
                headers,
                or(proto.getHpackTableSize(), proto.hasHpackTableSize(), usual.headerTableBytes()),
                proto.getAllowConnect(),
                proto.hasOverrideStreamErrorOnInvalidHttpMessage()
                        ? proto.getOverrideStreamErrorOnInvalidHttpMessage().getValue()
                        : streamErrors,
                new Http2Limits.Floods(
                        or(
                                proto.getMaxOutboundControlFrames(),
                                proto.hasMaxOutboundControlFrames(),
                                floods.controlFrames()),
                        or(
                                proto.getMaxConsecutiveInboundFramesWithEmptyPayload(),
                                proto.hasMaxConsecutiveInboundFramesWithEmptyPayload(),
                                floods.emptyFrames()),
                        or(
                                proto.getMaxInboundPriorityFramesPerStream(),
                                proto.hasMaxInboundPriorityFramesPerStream(),
                                floods.priorityFrames()),
                        or(
                                proto.getMaxInboundWindowUpdateFramesPerDataFrameSent(),
                                proto.hasMaxInboundWindowUpdateFramesPerDataFrameSent(),
                                floods.windowUpdates())),
                proto.hasConnectionKeepalive() ? keepAlive(proto.getConnectionKeepalive(), at, reasons) : null);
    }

    private static Http2Limits.@Nullable KeepAlive keepAlive(KeepaliveSettings proto, String at, List<String> reasons) {
        if (!proto.hasTimeout() || Durations.toNanos(proto.getTimeout()) < 1_000_000) {
            reasons.add(at + "connection_keepalive.timeout: unset or too short (expected: at least 1 ms)");
        }
        if (!proto.hasInterval()) {
            return null; // only for connections that requests are sent on
        }
        if (Durations.toNanos(proto.getInterval()) < 1_000_000) {
            reasons.add(at + "connection_keepalive.interval: too short (expected: at least 1 ms)");
        }
        return new Http2Limits.KeepAlive(
                Duration.ofNanos(Durations.toNanos(proto.getInterval())),
                Duration.ofNanos(Durations.toNanos(proto.getTimeout())),
                proto.hasIntervalJitter() ? proto.getIntervalJitter().getValue() : 15);
    }

    private static int within(
            UInt32Value value, boolean set, int otherwise, int least, String path, List<String> reasons) {
        int given = or(value, set, otherwise);
        if (given < least) {
            reasons.add(path + ": " + given + " (expected: " + least + "-2147483647)");
        }
        return given;
    }

    // Unsigned: what does not fit an int is as good as without a limit.
    private static int or(UInt32Value value, boolean set, int otherwise) {
        return set ? (value.getValue() < 0 ? Integer.MAX_VALUE : value.getValue()) : otherwise;
    }
}
