package dev.mesh.proxy.admin;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.util.Locale;
import org.slf4j.LoggerFactory;

/// Sets log levels by Envoy's words.
public final class LogControl {
    private LogControl() {}

    /// @param logger empty = the root
    public static void set(String logger, String level) {
        if (LoggerFactory.getLogger(logger.isEmpty() ? org.slf4j.Logger.ROOT_LOGGER_NAME : logger)
                instanceof Logger logback) {
            logback.setLevel(
                    switch (level.toLowerCase(Locale.ROOT)) {
                        case "warning" -> Level.WARN;
                        case "critical" -> Level.ERROR;
                        default -> Level.toLevel(level, Level.INFO);
                    });
        }
    }
}
