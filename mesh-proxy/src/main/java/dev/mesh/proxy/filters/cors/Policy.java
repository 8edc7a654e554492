package dev.mesh.proxy.filters.cors;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Matchers;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.Fraction;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// A checked `envoy.extensions.filters.http.cors.v3.CorsPolicy`. Texts are empty where the header is not sent.
///
/// @param enabled share of requests that the policy is enforced for; default all
/// @param shadow share that is only counted; default none
/// @param forwardNotMatching whether a preflight of an origin that is not allowed goes on to the upstream;
///     default true
record Policy(
        Predicate<String> origins,
        String methods,
        String headers,
        String expose,
        String maxAge,
        boolean credentials,
        boolean privateNetwork,
        boolean forwardNotMatching,
        Fraction enabled,
        Fraction shadow) {

    private static final Fraction NONE = new Fraction(0, 100);

    static Policy read(Any config) throws ConfigRejected {
        CorsPolicy proto;
        try {
            proto = Packed.unpack(config, CorsPolicy.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a CorsPolicy: " + e.getMessage());
        }
        var reasons = new ArrayList<String>();
        Predicate<String> origins =
                switch (Matchers.anyOf(proto.getAllowOriginStringMatchList(), "allow_origin_string_match")) {
                    case Compiled.Ok<Predicate<String>>(Predicate<String> any) -> any;
                    case Compiled.Rejected<Predicate<String>>(List<String> why) -> {
                        reasons.addAll(why);
                        yield text -> false;
                    }
                };
        Fraction enabled =
                share(proto.hasFilterEnabled(), proto.getFilterEnabled(), Fraction.ALL, "filter_enabled", reasons);
        Fraction shadow = share(proto.hasShadowEnabled(), proto.getShadowEnabled(), NONE, "shadow_enabled", reasons);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return new Policy(
                origins,
                proto.getAllowMethods(),
                proto.getAllowHeaders(),
                proto.getExposeHeaders(),
                proto.getMaxAge(),
                proto.getAllowCredentials().getValue(),
                proto.getAllowPrivateNetworkAccess().getValue(),
                !proto.hasForwardNotMatchingPreflights()
                        || proto.getForwardNotMatchingPreflights().getValue(),
                enabled,
                shadow);
    }

    private static Fraction share(
            boolean set, RuntimeFractionalPercent proto, Fraction otherwise, String path, List<String> reasons) {
        try {
            return set ? Fraction.of(proto.getDefaultValue()) : otherwise;
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> reasons.add(path + ".default_value." + reason));
            return otherwise;
        }
    }
}
