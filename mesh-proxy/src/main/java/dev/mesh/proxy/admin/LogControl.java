package dev.mesh.proxy.admin;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.LoggerFactory;

/// Log levels by Envoy's words.
public final class LogControl {
    private static final String USAGE = """

            usage: /logging?<name>=<level> (change single level)
            usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
            usage: /logging?level=<level> (change all levels)
            levels: trace debug info warning error critical off
            """;

    private LogControl() {}

    /// `/logging`: sets what the query says, and lists what is set.
    static Reply logging(Map<String, String> query) {
        var levels = new LinkedHashMap<String, String>();
        for (var parameter : query.entrySet()) {
            switch (parameter.getKey()) {
                case "level" -> levels.put("", parameter.getValue());
                case "paths" -> {
                    for (String path : parameter.getValue().split(",", -1)) {
                        int colon = path.lastIndexOf(':');
                        if (colon < 1) {
                            return Reply.wrong("error: \"" + path + "\" (expected: name:level)\n" + USAGE);
                        }
                        levels.put(path.substring(0, colon), path.substring(colon + 1));
                    }
                }
                default -> levels.put(parameter.getKey(), parameter.getValue());
            }
        }
        // All or nothing, as in Envoy.
        for (var level : levels.entrySet()) {
            if (level(level.getValue()).isEmpty()) {
                return Reply.wrong("error: unknown logger level \"" + level.getValue() + "\"\n" + USAGE);
            }
        }
        levels.forEach(LogControl::set);
        return Reply.text(active());
    }

    private static String active() {
        var text = new StringBuilder("active loggers:\n");
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
            for (Logger logger : context.getLoggerList()) {
                if (logger.getLevel() != null) {
                    boolean root = logger.getName().equals(org.slf4j.Logger.ROOT_LOGGER_NAME);
                    text.append("  ")
                            .append(root ? "root" : logger.getName())
                            .append(": ")
                            .append(word(logger.getLevel()))
                            .append('\n');
                }
            }
        }
        return text.toString();
    }

    private static String word(Level level) {
        return level == Level.WARN ? "warning" : level.toString().toLowerCase(Locale.ROOT);
    }

    private static Optional<Level> level(String word) {
        return Optional.ofNullable(
                switch (word.toLowerCase(Locale.ROOT)) {
                    case "trace" -> Level.TRACE;
                    case "debug" -> Level.DEBUG;
                    case "info" -> Level.INFO;
                    case "warning", "warn" -> Level.WARN;
                    case "error", "critical" -> Level.ERROR;
                    case "off" -> Level.OFF;
                    default -> null;
                });
    }

    /// Whether there is such a level.
    public static boolean isLevel(String word) {
        return level(word).isPresent();
    }

    /// @param logger empty or `root` = all that have no level of their own
    /// @param level one that [#isLevel] knows; any other is info
    public static void set(String logger, String level) {
        boolean root = logger.isEmpty() || logger.equals("root");
        if (LoggerFactory.getLogger(root ? org.slf4j.Logger.ROOT_LOGGER_NAME : logger) instanceof Logger logback) {
            logback.setLevel(level(level).orElse(Level.INFO));
        }
    }
}
