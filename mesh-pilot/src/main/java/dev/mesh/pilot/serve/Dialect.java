package dev.mesh.pilot.serve;

import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import java.util.Optional;

/// What the messages of the two dialects have in common.
interface Dialect<Q, R> {
    String typeUrl(Q request);

    Node node(Q request);

    /// Message of a NACK; empty for everything else.
    String error(Q request);

    /// Type URL of a response.
    String typeOf(R response);

    /// Bytes of a response.
    int size(R response);

    /// What to say to a request for a type that nobody here knows.
    Optional<R> unknown(Q request);

    Dialect<DeltaDiscoveryRequest, DeltaDiscoveryResponse> DELTA = new Dialect<>() {
        @Override
        public String typeUrl(DeltaDiscoveryRequest request) {
            return request.getTypeUrl();
        }

        @Override
        public String typeOf(DeltaDiscoveryResponse response) {
            return response.getTypeUrl();
        }

        @Override
        public int size(DeltaDiscoveryResponse response) {
            return response.getSerializedSize();
        }

        @Override
        public Node node(DeltaDiscoveryRequest request) {
            return request.getNode();
        }

        @Override
        public String error(DeltaDiscoveryRequest request) {
            return request.hasErrorDetail() ? request.getErrorDetail().getMessage() : "";
        }

        // Nothing of such a type exists; saying so keeps the client from waiting.
        @Override
        public Optional<DeltaDiscoveryResponse> unknown(DeltaDiscoveryRequest request) {
            return request.getResponseNonce().isEmpty()
                    ? Optional.of(DeltaDiscoveryResponse.newBuilder()
                            .setTypeUrl(request.getTypeUrl())
                            .setNonce("none")
                            .addAllRemovedResources(request.getResourceNamesSubscribeList())
                            .build())
                    : Optional.empty();
        }
    };

    Dialect<DiscoveryRequest, DiscoveryResponse> SOTW = new Dialect<>() {
        @Override
        public String typeUrl(DiscoveryRequest request) {
            return request.getTypeUrl();
        }

        @Override
        public String typeOf(DiscoveryResponse response) {
            return response.getTypeUrl();
        }

        @Override
        public int size(DiscoveryResponse response) {
            return response.getSerializedSize();
        }

        @Override
        public Node node(DiscoveryRequest request) {
            return request.getNode();
        }

        @Override
        public String error(DiscoveryRequest request) {
            return request.hasErrorDetail() ? request.getErrorDetail().getMessage() : "";
        }

        @Override
        public Optional<DiscoveryResponse> unknown(DiscoveryRequest request) {
            return request.getResponseNonce().isEmpty()
                    ? Optional.of(DiscoveryResponse.newBuilder()
                            .setTypeUrl(request.getTypeUrl())
                            .setNonce("none")
                            .setVersionInfo("none")
                            .build())
                    : Optional.empty();
        }
    };
}
