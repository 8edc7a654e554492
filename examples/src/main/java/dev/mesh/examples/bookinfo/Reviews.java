package dev.mesh.examples.bookinfo;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.Map;

/// Two reviews. The versions with stars ask the ratings for them, and differ in how long they wait, as Bookinfo's do:
/// its task on injected delays finds that black is too patient for the product page.
final class Reviews implements Web.Handler {
    private static final Map<String, String> TEXTS =
            Map.of("Reviewer1", "Two pairs of twins, and not a dull page.", "Reviewer2", "Short, loud and very funny.");

    private final HttpClient http = Web.client();
    private final String workload;
    private final String color;
    private final Peers peers;

    /// @param color of the stars; empty: none
    Reviews(String workload, String color, Peers peers) {
        this.workload = workload;
        this.color = color;
        this.peers = peers;
    }

    @Override
    public Web.Answer answer(Web.Request request) {
        if (!request.path().startsWith("/reviews/")) {
            return Web.Answer.healthOrNotFound(request);
        }
        var reviews = new JsonArray();
        JsonObject stars = color.isEmpty() ? new JsonObject() : stars(request);
        for (String reviewer : new java.util.TreeSet<>(TEXTS.keySet())) {
            var review = new JsonObject();
            review.addProperty("reviewer", reviewer);
            review.addProperty("text", TEXTS.get(reviewer));
            if (!color.isEmpty()) {
                var rating = new JsonObject();
                if (stars.has(reviewer)) {
                    rating.add("stars", stars.get(reviewer));
                    rating.addProperty("color", color);
                } else {
                    rating.addProperty("error", "Ratings service is currently unavailable");
                }
                review.add("rating", rating);
            }
            reviews.add(review);
        }
        var body = new JsonObject();
        body.addProperty("id", "0");
        body.addProperty("podname", workload);
        body.add("reviews", reviews);
        return Web.Answer.json(body.toString());
    }

    private JsonObject stars(Web.Request request) {
        Duration patience = color.equals("black") ? Duration.ofSeconds(10) : Duration.ofMillis(2500);
        try {
            String answer = Web.get(http, "http://" + peers.ratings() + "/ratings/0", request.handedOn(), patience);
            return JsonParser.parseString(answer).getAsJsonObject().getAsJsonObject("ratings");
        } catch (IOException e) {
            Bookinfo.say("ratings: " + e.getMessage());
            return new JsonObject();
        }
    }
}
