package dev.mesh.proxy.http;

/// A downstream request's stream: sends the response.
public interface ServerStream extends HttpStream {
    /// A 1xx response other than 101; the final one follows.
    void informational(ResponseHead head);

    /// The final response. After a 101, or a 2xx to CONNECT, `data` goes both ways untouched.
    void response(ResponseHead head, boolean end);

    /// Let the client know that the connection goes away when its streams are done: `Connection: close`, or
    /// GOAWAY. Before the response is sent.
    void drainConnection();
}
