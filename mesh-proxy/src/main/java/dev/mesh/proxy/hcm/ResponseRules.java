package dev.mesh.proxy.hcm;

import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;

/// What the connection manager does to each response before it is sent.
final class ResponseRules {
    private ResponseRules() {}

    static void apply(Settings settings, RequestHead request, ResponseHead response) {
        var headers = response.headers();
        switch (settings.serverHeader()) {
            case OVERWRITE -> headers.set("server", settings.serverName());
            case APPEND_IF_ABSENT -> {
                if (!headers.contains("server")) {
                    headers.add("server", settings.serverName());
                }
            }
            case PASS_THROUGH -> {}
        }
        if (settings.alwaysSetRequestIdInResponse()) {
            String id = request.headers().get("x-request-id");
            if (id != null) {
                headers.set("x-request-id", id);
            }
        }
        if (!settings.via().isEmpty()) {
            headers.add("via", settings.via());
        }
        if (!headers.contains("date")) {
            headers.add("date", HttpDate.now());
        }
    }
}
