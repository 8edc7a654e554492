package dev.mesh.proxy.accesslog;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.AccessLogFactory;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.format.Format;
import dev.mesh.proxy.format.Formats;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.stream.StreamInfo;
import io.envoyproxy.envoy.config.core.v3.SubstitutionFormatString;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StderrAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StdoutAccessLog;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The access loggers that write lines: to files, standard output and standard error. Equal destinations share
/// one writer, whatever the number of listeners.
public final class AccessLogs implements AutoCloseable {
    /// Envoy's default line.
    public static final String DEFAULT_FORMAT = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
            + " %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION%"
            + " %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\""
            + " \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

    private final Scope stats;
    private final Map<String, LineWriter> writers = new ConcurrentHashMap<>();

    public AccessLogs(Scope stats) {
        this.stats = stats;
    }

    /// One factory for each kind.
    public List<AccessLogFactory> factories() {
        return List.of(
                new Factory(
                        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", this::bindFile),
                new Factory(
                        "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                        this::bindStdout),
                new Factory(
                        "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
                        this::bindStderr));
    }

    private interface Binder {
        AccessLogger bind(Any config) throws ConfigRejected;
    }

    private record Factory(String typeUrl, Binder binder) implements AccessLogFactory {
        @Override
        public AccessLogger bind(Any config) throws ConfigRejected {
            return binder.bind(config);
        }
    }

    private static <T extends Message> T unpack(Any config, T prototype) throws ConfigRejected {
        try {
            return Packed.unpack(config, prototype);
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a " + Packed.type(prototype).getName() + ": " + e.getMessage());
        }
    }

    @SuppressWarnings("deprecation") // the short forms are still common
    private AccessLogger bindFile(Any config) throws ConfigRejected {
        FileAccessLog log = unpack(config, FileAccessLog.getDefaultInstance());
        Format format = switch (log.getAccessLogFormatCase()) {
            case FORMAT -> Formats.compile(log.getFormat());
            case LOG_FORMAT -> compile(log.getLogFormat());
            case ACCESSLOGFORMAT_NOT_SET -> Formats.compile(DEFAULT_FORMAT);
            case JSON_FORMAT -> json(log.getJsonFormat(), false);
            case TYPED_JSON_FORMAT -> json(log.getTypedJsonFormat(), false);
        };
        if (log.getPath().isEmpty()) {
            throw new ConfigRejected("path: empty (expected: a file)");
        }
        return logger(writer(log.getPath()), format);
    }

    private AccessLogger bindStdout(Any config) throws ConfigRejected {
        StdoutAccessLog log = unpack(config, StdoutAccessLog.getDefaultInstance());
        return logger(
                writer("/dev/stdout"),
                log.hasLogFormat() ? compile(log.getLogFormat()) : Formats.compile(DEFAULT_FORMAT));
    }

    private AccessLogger bindStderr(Any config) throws ConfigRejected {
        StderrAccessLog log = unpack(config, StderrAccessLog.getDefaultInstance());
        return logger(
                writer("/dev/stderr"),
                log.hasLogFormat() ? compile(log.getLogFormat()) : Formats.compile(DEFAULT_FORMAT));
    }

    @SuppressWarnings("deprecation") // text_format is still common
    private static Format compile(SubstitutionFormatString format) throws ConfigRejected {
        return switch (format.getFormatCase()) {
            case TEXT_FORMAT -> Formats.compile(format.getTextFormat());
            case TEXT_FORMAT_SOURCE -> {
                if (!format.getTextFormatSource().hasInlineString()) {
                    throw new ConfigRejected("log_format.text_format_source: not supported (expected: inline_string)");
                }
                yield Formats.compile(format.getTextFormatSource().getInlineString());
            }
            case JSON_FORMAT -> json(format.getJsonFormat(), format.getOmitEmptyValues());
            case FORMAT_NOT_SET -> Formats.compile(DEFAULT_FORMAT);
        };
    }

    private static Format json(Struct struct, boolean omitEmpty) throws ConfigRejected {
        return new JsonLine(fields(struct), omitEmpty);
    }

    private static Map<String, Object> fields(Struct struct) throws ConfigRejected {
        var fields = new LinkedHashMap<String, Object>();
        for (var name : struct.getFieldsMap().keySet().stream().sorted().toList()) {
            Value value = struct.getFieldsOrThrow(name);
            switch (value.getKindCase()) {
                case STRING_VALUE -> fields.put(name, Formats.compile(value.getStringValue()));
                case STRUCT_VALUE -> fields.put(name, fields(value.getStructValue()));
                case NUMBER_VALUE -> fields.put(name, Formats.literal(Double.toString(value.getNumberValue())));
                case BOOL_VALUE -> fields.put(name, Formats.literal(Boolean.toString(value.getBoolValue())));
                case NULL_VALUE, LIST_VALUE, KIND_NOT_SET ->
                    throw new ConfigRejected("json_format." + name + ": expected a format string or an object");
            }
        }
        return fields;
    }

    private static AccessLogger logger(LineWriter writer, Format format) {
        return stream -> {
            var line = new StringBuilder(256);
            format.append(stream, line);
            writer.write(line.toString());
        };
    }

    private LineWriter writer(String path) throws ConfigRejected {
        LineWriter existing = writers.get(path);
        if (existing != null) {
            return existing;
        }
        try {
            OutputStream out = switch (path) {
                case "/dev/stdout" -> new FileOutputStream(FileDescriptor.out);
                case "/dev/stderr" -> new FileOutputStream(FileDescriptor.err);
                default -> new FileOutputStream(path, true);
            };
            var made = new LineWriter(path, out, stats.counter("access_log_file.write_dropped"));
            writers.put(path, made);
            return made;
        } catch (IOException e) {
            throw new ConfigRejected("path: \"" + path + "\" cannot be written (" + e.getMessage() + ")");
        }
    }

    @Override
    public void close() throws IOException {
        for (LineWriter writer : writers.values()) {
            writer.close();
        }
    }

    /// A line of JSON whose values are formats.
    private record JsonLine(Map<String, Object> fields, boolean omitEmpty) implements Format {
        @Override
        public void append(StreamInfo stream, StringBuilder out) {
            object(fields, stream, out);
            out.append('\n');
        }

        private void object(Map<String, Object> members, StreamInfo stream, StringBuilder out) {
            out.append('{');
            boolean first = true;
            for (var member : members.entrySet()) {
                String text = null;
                if (member.getValue() instanceof Format format) {
                    text = format.headerValue(stream);
                    if (text.isEmpty() && omitEmpty) {
                        continue;
                    }
                }
                out.append(first ? "" : ",");
                first = false;
                string(member.getKey(), out);
                out.append(':');
                if (text != null) {
                    value(text, out);
                } else if (member.getValue() instanceof Map<?, ?> nested) {
                    @SuppressWarnings("unchecked")
                    var inner = (Map<String, Object>) nested;
                    object(inner, stream, out);
                }
            }
            out.append('}');
        }

        // Numbers stay numbers; what the stream does not have is null.
        private static void value(@Nullable String text, StringBuilder out) {
            if (text == null || text.isEmpty()) {
                out.append("null");
            } else if (text.length() < 16 && text.matches("0|[1-9][0-9]*")) {
                out.append(text);
            } else {
                string(text, out);
            }
        }

        private static void string(String text, StringBuilder out) {
            out.append('"');
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                switch (c) {
                    case '"' -> out.append("\\\"");
                    case '\\' -> out.append("\\\\");
                    case '\n' -> out.append("\\n");
                    default -> {
                        if (c < 0x20 || c > 0x7e) {
                            out.append(String.format("\\u%04x", (int) c));
                        } else {
                            out.append(c);
                        }
                    }
                }
            }
            out.append('"');
        }

        @Override
        public String headerValue(StreamInfo stream) {
            var out = new StringBuilder();
            append(stream, out);
            return out.toString();
        }
    }
}
