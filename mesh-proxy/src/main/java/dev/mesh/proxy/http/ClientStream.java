package dev.mesh.proxy.http;

/// An upstream request's stream: sends the request.
public interface ClientStream extends HttpStream {
    void request(RequestHead head, boolean end);
}
