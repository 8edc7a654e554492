package dev.mesh.proxy.http;

/// Hears the response.
public interface ClientStreamListener extends StreamListener {
    /// A 1xx other than 101.
    void onInformational(ResponseHead head);

    void onResponse(ResponseHead head, boolean end);
}
