package dev.mesh.examples.shop;

import dev.mesh.examples.shop.v1.Rating;
import dev.mesh.examples.shop.v1.RatingRequest;
import dev.mesh.examples.shop.v1.RatingsGrpc;
import io.grpc.stub.StreamObserver;
import java.io.IOException;

/// Stars, over gRPC.
final class RatingsService extends RatingsGrpc.RatingsImplBase {
    private RatingsService() {}

    static Running start(int port) throws IOException {
        return Rpc.serve(port, new RatingsService());
    }

    @Override
    public void of(RatingRequest request, StreamObserver<Rating> answers) {
        answers.onNext(
                Rating.newBuilder().putStars("Ada", 5).putStars("Brendan", 4).build());
        answers.onCompleted();
    }
}
