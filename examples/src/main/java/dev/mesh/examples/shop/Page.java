package dev.mesh.examples.shop;

import dev.mesh.examples.shop.v1.Cart;
import dev.mesh.examples.shop.v1.Line;
import dev.mesh.examples.shop.v1.Product;
import dev.mesh.examples.shop.v1.Review;
import dev.mesh.examples.shop.v1.Reviews;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The shop's pages as HTML. Pure.
final class Page {
    private static final String STYLE = """
            body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}
            nav{display:flex;gap:1rem;border-bottom:1px solid #ddd;padding-bottom:.5rem}
            nav span{margin-left:auto;color:#666}
            li{margin:.4rem 0}small,footer{color:#666}button{font:inherit;padding:.3rem .8rem}
            """;

    private Page() {}

    static String products(List<Product> products, String user) {
        var body = new StringBuilder("<h1>The shop</h1>\n<ul id=\"products\">\n");
        for (Product product : products) {
            body.append("<li><a href=\"/products/")
                    .append(escaped(product.getId()))
                    .append("\">")
                    .append(escaped(product.getName()))
                    .append("</a> ")
                    .append(money(product.getCents()))
                    .append(" <small class=\"stock\">")
                    .append(stock(product))
                    .append("</small></li>\n");
        }
        return page("The shop", user, body.append("</ul>\n").toString());
    }

    /// @param reviews null: they could not be asked
    static String product(Product product, @Nullable Reviews reviews, String user) {
        var body = new StringBuilder();
        body.append("<h1>").append(escaped(product.getName())).append("</h1>\n<p>");
        body.append(escaped(product.getText())).append("</p>\n<p><b>").append(money(product.getCents()));
        body.append("</b> <small class=\"stock\">").append(stock(product)).append("</small></p>\n");
        body.append("<form method=\"post\" action=\"/cart/").append(escaped(product.getId()));
        body.append("\"><button id=\"add\">Put into the cart</button></form>\n<h2>Reviews</h2>\n");
        if (reviews == null) {
            return page(
                    product.getName(),
                    user,
                    body.append("<p id=\"reviews\">Reviews cannot be shown just now.</p>\n")
                            .toString());
        }
        body.append("<ul id=\"reviews\">\n");
        for (Review review : reviews.getReviewsList()) {
            body.append("<li>");
            if (review.getStars() > 0) {
                body.append("<span class=\"stars\">")
                        .append("★".repeat(Math.min(5, review.getStars())))
                        .append("</span> ");
            }
            body.append(escaped(review.getText()))
                    .append(" <small>")
                    .append(escaped(review.getReviewer()))
                    .append("</small></li>\n");
        }
        body.append("</ul>\n<footer>served by <span id=\"served-by\">")
                .append(escaped(reviews.getServedBy()))
                .append("</span></footer>\n");
        return page(product.getName(), user, body.toString());
    }

    static String cart(Cart cart, String user) {
        var body = new StringBuilder("<h1>Your cart</h1>\n<ul id=\"lines\">\n");
        for (Line line : cart.getLinesList()) {
            body.append("<li>")
                    .append(line.getCount())
                    .append(" × ")
                    .append(escaped(line.getName()))
                    .append(" ")
                    .append(money(line.getCents()))
                    .append("</li>\n");
        }
        body.append("</ul>\n<p id=\"total\">Total ")
                .append(money(cart.getCents()))
                .append("</p>\n");
        return page("Your cart", user, body.toString());
    }

    static String notFound(String user) {
        return page("Not found", user, "<h1>Not found</h1>\n<p>The shop has no such page.</p>\n");
    }

    private static String page(String title, String user, String body) {
        String who = user.isEmpty()
                ? "<a id=\"jason\" href=\"/users/jason\">be jason</a>"
                : "<span id=\"user\">" + escaped(user) + "</span> <a id=\"nobody\" href=\"/users/\">be nobody</a>";
        return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                + "<meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"icon\" href=\"data:,\">\n<title>"
                + escaped(title) + "</title>\n<style>\n" + STYLE + "</style>\n</head>\n<body>\n"
                + "<nav><a href=\"/\">The shop</a> <a href=\"/cart\">Your cart</a> <span>" + who + "</span></nav>\n"
                + body + "</body>\n</html>\n";
    }

    private static String stock(Product product) {
        return product.hasAvailable() ? product.getAvailable() + " in stock" : "stock unknown";
    }

    private static String money(int cents) {
        return String.format(Locale.ROOT, "€ %d.%02d", cents / 100, cents % 100);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
