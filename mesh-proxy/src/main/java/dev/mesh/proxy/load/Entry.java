package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import dev.mesh.api.xds.XdsType;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/// One resource as the proxy has it, for dumps and applied reports.
///
/// @param version that serves traffic, or empty while the first one warms
/// @param body of the active version; null before
/// @param since when the active version took effect
/// @param warmingVersion newest accepted version that is not active yet; empty = none
/// @param error why the newest version was refused; empty = it was not
/// @param failedVersion the refused one
public record Entry(
        XdsType type,
        String name,
        boolean isStatic,
        String version,
        @Nullable Any body,
        @Nullable Instant since,
        String warmingVersion,
        String error,
        String failedVersion) {}
