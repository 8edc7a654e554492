package dev.mesh.examples.bookinfo;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The page that a browser sees. Whoever signs in is a cookie to the browser and the header `end-user` to the mesh.
final class ProductPage implements Web.Handler {
    private static final Pattern USER = Pattern.compile("(?:^|;\\s*)user=([A-Za-z0-9]{1,20})(?:;|$)");
    private static final Pattern NAME = Pattern.compile("(?:^|&)username=([^&]*)");
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final String STYLE = """
            body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}
            nav{display:flex;justify-content:space-between;border-bottom:1px solid #ddd;padding-bottom:.5rem}
            section{display:inline-block;vertical-align:top;width:46%}blockquote{margin:.6rem 0}
            .stars.black{color:#000}.stars.red{color:#d00}.error{color:#a00}small,footer{color:#666}
            """;

    private final HttpClient http = Web.client();
    private final Peers peers;

    ProductPage(Peers peers) {
        this.peers = peers;
    }

    @Override
    public Web.Answer answer(Web.Request request) {
        String user = user(request);
        var headers = new TreeMap<>(request.handedOn());
        if (!user.isEmpty()) {
            headers.put("end-user", user);
        }
        return switch (request.path()) {
            case "/" ->
                Web.Answer.html(
                        page(user, "<h1>Bookinfo</h1>\n<p><a href=\"/productpage\">The page of a book</a></p>\n"));
            case "/productpage" -> Web.Answer.html(page(user, book(headers)));
            case "/login" -> login(request);
            case "/logout" -> to("user=; Path=/; Max-Age=0");
            case "/static/bookinfo.css" -> new Web.Answer(200, "text/css", STYLE);
            case "/api/v1/products" -> Web.Answer.json("[{\"id\": 0, \"title\": \"The Comedy of Errors\"}]");
            case "/api/v1/products/0" -> passOn(ask(peers.details(), "/details/0", headers));
            case "/api/v1/products/0/reviews" -> passOn(reviews(headers));
            default -> Web.Answer.healthOrNotFound(request);
        };
    }

    private static String user(Web.Request request) {
        var cookie = USER.matcher(request.cookie());
        return cookie.find() ? cookie.group(1) : request.handedOn().getOrDefault("end-user", "");
    }

    private static Web.Answer login(Web.Request request) {
        var name = NAME.matcher(request.body());
        String user = name.find() ? URLDecoder.decode(name.group(1), StandardCharsets.UTF_8) : "";
        return user.matches("[A-Za-z0-9]{1,20}")
                ? to("user=" + user + "; Path=/")
                : new Web.Answer(400, "text/plain", "username: letters and digits are expected\n");
    }

    private static Web.Answer to(String cookie) {
        return new Web.Answer(302, "text/plain", "", Map.of("location", "/productpage", "set-cookie", cookie));
    }

    private static Web.Answer passOn(@Nullable String json) {
        return json == null
                ? new Web.Answer(503, "application/json", "{\"error\": \"currently unavailable\"}")
                : Web.Answer.json(json);
    }

    private @Nullable String ask(String peer, String path, Map<String, String> headers) {
        try {
            return Web.get(http, "http://" + peer + path, headers, PATIENCE);
        } catch (IOException e) {
            Bookinfo.say("productpage: " + e);
            return null;
        }
    }

    // Asked twice, as Bookinfo does.
    private @Nullable String reviews(Map<String, String> headers) {
        String first = ask(peers.reviews(), "/reviews/0", headers);
        return first == null ? ask(peers.reviews(), "/reviews/0", headers) : first;
    }

    private String book(Map<String, String> headers) {
        var body =
                new StringBuilder("<h1>The Comedy of Errors</h1>\n<section id=\"details\">\n<h2>Book Details</h2>\n");
        String details = ask(peers.details(), "/details/0", headers);
        if (details == null) {
            body.append("<p class=\"error\">Product details are currently unavailable for this book.</p>\n");
        } else {
            body.append("<dl>\n");
            JsonParser.parseString(details)
                    .getAsJsonObject()
                    .entrySet()
                    .forEach(entry -> body.append("<dt>")
                            .append(escaped(entry.getKey()))
                            .append("</dt><dd>")
                            .append(escaped(entry.getValue().getAsString()))
                            .append("</dd>\n"));
            body.append("</dl>\n");
        }
        body.append("</section>\n<section id=\"reviews\">\n<h2>Book Reviews</h2>\n");
        String reviews = reviews(headers);
        if (reviews == null) {
            body.append("<p class=\"error\">Product reviews are currently unavailable for this book.</p>\n");
        } else {
            JsonObject answer = JsonParser.parseString(reviews).getAsJsonObject();
            for (JsonElement review : answer.getAsJsonArray("reviews")) {
                review(review.getAsJsonObject(), body);
            }
            body.append("<footer>reviews served by <span id=\"served-by\">")
                    .append(escaped(answer.get("podname").getAsString()))
                    .append("</span></footer>\n");
        }
        return body.append("</section>\n").toString();
    }

    private static void review(JsonObject review, StringBuilder body) {
        body.append("<blockquote>")
                .append(escaped(review.get("text").getAsString()))
                .append(" <small>")
                .append(escaped(review.get("reviewer").getAsString()))
                .append("</small></blockquote>\n");
        JsonObject rating = review.getAsJsonObject("rating");
        if (rating == null) {
            return;
        }
        if (rating.has("stars")) {
            int stars = Math.clamp(rating.get("stars").getAsInt(), 0, 5);
            body.append("<p class=\"stars ")
                    .append(escaped(rating.get("color").getAsString()))
                    .append("\">")
                    .append("★".repeat(stars))
                    .append("☆".repeat(5 - stars))
                    .append("</p>\n");
        } else {
            body.append("<p class=\"error\">")
                    .append(escaped(rating.get("error").getAsString()))
                    .append("</p>\n");
        }
    }

    private static String page(String user, String body) {
        String who = user.isEmpty()
                ? "<form method=\"post\" action=\"/login\"><input name=\"username\" size=\"10\""
                        + " aria-label=\"user name\"> <button>Sign in</button></form>"
                : "<span><b id=\"user\">" + escaped(user) + "</b> <a href=\"/logout\">sign out</a></span>";
        return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                + "<meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"icon\" href=\"data:,\">\n"
                + "<link rel=\"stylesheet\" href=\"/static/bookinfo.css\">\n<title>Bookinfo</title>\n</head>\n<body>\n"
                + "<nav><b>Bookinfo, a stand-in</b> " + who + "</nav>\n" + body + "</body>\n</html>\n";
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
