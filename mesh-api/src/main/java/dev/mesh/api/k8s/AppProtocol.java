package dev.mesh.api.k8s;

import java.util.Locale;

/// What a port carries. The pilot binds listeners by it and meshctl gives out names by it, so both ask here.
public enum AppProtocol {
    HTTP,
    HTTP2,
    TLS,
    TCP;

    /// By `appProtocol`, else by the first part of the name (Istio, "Protocol selection"); nothing said is HTTP,
    /// since there is no sniffing.
    ///
    /// @param name such as `grpc-web`; may be empty
    /// @param appProtocol may be empty
    public static AppProtocol of(String name, String appProtocol) {
        String said = (appProtocol.isEmpty() ? name : appProtocol).toLowerCase(Locale.ROOT);
        int dash = appProtocol.isEmpty() ? said.indexOf('-') : -1;
        return switch (dash < 0 ? said : said.substring(0, dash)) {
            case "grpc", "http2", "kubernetes.io/h2c" -> HTTP2;
            case "tls", "https", "kubernetes.io/wss" -> TLS;
            case "tcp", "mongo", "mysql", "redis" -> TCP;
            default -> HTTP;
        };
    }

    public boolean isHttp() {
        return this == HTTP || this == HTTP2;
    }
}
