package dev.mesh.cli.client;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/// An admin endpoint asked by HTTP: mesh-proxy's or real Envoy's.
public final class AdminClient {
    private final String address;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();

    /// @param address `host:port`
    public AdminClient(String address) {
        this.address = address;
        if (!address.matches("(\\[[0-9a-fA-F:.]+]|[^:/\\s]+):[0-9]{1,5}")) {
            throw new Failure("--admin: \"" + address + "\" (expected: host:port)");
        }
    }

    /// The body of the answer.
    public String get(String path) {
        try (var _ = Progress.of("asking " + address)) {
            var request = HttpRequest.newBuilder(URI.create("http://" + address + path))
                    .timeout(Duration.ofSeconds(20))
                    .build();
            var response = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                throw new Failure("http://" + address + path + " answered " + response.statusCode() + ": "
                        + response.body().strip());
            }
            return response.body();
        } catch (ConnectException e) {
            throw new Failure(
                    "no admin endpoint answers at " + address + ": nothing listens there, or it cannot be reached");
        } catch (IOException e) {
            throw new Failure("no admin endpoint answers at " + address + " (" + e.getMessage() + ")");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while asking " + address);
        } catch (IllegalArgumentException e) {
            throw new Failure("--admin: \"" + address + "\" (expected: host:port)");
        }
    }

    @Override
    public String toString() {
        return "http://" + address;
    }
}
