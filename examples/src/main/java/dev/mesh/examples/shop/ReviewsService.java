package dev.mesh.examples.shop;

import com.sun.net.httpserver.HttpExchange;
import dev.mesh.examples.shop.v1.Rating;
import dev.mesh.examples.shop.v1.RatingRequest;
import dev.mesh.examples.shop.v1.RatingsGrpc;
import dev.mesh.examples.shop.v1.Review;
import dev.mesh.examples.shop.v1.Reviews;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Reviews, over HTTP. Version 1 has words only; version 2 asks the ratings for stars, over gRPC.
final class ReviewsService implements Web.Handler {
    private final String workload;
    private final @Nullable ManagedChannel ratings;

    private ReviewsService(String workload, @Nullable ManagedChannel ratings) {
        this.workload = workload;
        this.ratings = ratings;
    }

    static Running start(int port, String workload, boolean withStars, Peers peers) throws IOException {
        if (!withStars) {
            return Web.serve(port, workload, new ReviewsService(workload, null));
        }
        ManagedChannel ratings = Rpc.channel(peers.ratings());
        return Web.serve(port, workload, new ReviewsService(workload, ratings), ratings::shutdownNow);
    }

    @Override
    public Web.Answer answer(HttpExchange exchange, List<String> path) {
        if (path.size() != 2 || !path.getFirst().equals("reviews")) {
            return Web.Answer.notFound();
        }
        Rating stars = stars(path.get(1), Trace.of(exchange.getRequestHeaders()));
        return Web.Answer.json(Reviews.newBuilder()
                .setServedBy(workload)
                .addReviews(review("Ada", "Does what it says, and says it plainly.", stars))
                .addReviews(review("Brendan", "I bought a second one.", stars))
                .build());
    }

    private static Review review(String reviewer, String text, Rating stars) {
        return Review.newBuilder()
                .setReviewer(reviewer)
                .setText(text)
                .setStars(stars.getStarsOrDefault(reviewer, 0))
                .build();
    }

    private Rating stars(String product, Trace trace) {
        if (ratings == null) {
            return Rating.getDefaultInstance();
        }
        try {
            return RatingsGrpc.newBlockingStub(ratings)
                    .withWaitForReady()
                    .withDeadlineAfter(3, TimeUnit.SECONDS)
                    .withInterceptors(trace)
                    .of(RatingRequest.newBuilder().setProduct(product).build());
        } catch (StatusRuntimeException e) {
            Shop.say("reviews: ratings: " + e.getStatus());
            return Rating.getDefaultInstance();
        }
    }
}
