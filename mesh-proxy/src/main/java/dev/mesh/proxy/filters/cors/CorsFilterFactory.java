package dev.mesh.proxy.filters.cors;

import com.google.protobuf.Any;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;

/// `envoy.extensions.filters.http.cors.v3.Cors`. Where a route and its virtual host both have a policy, the
/// route's stands alone.
public final class CorsFilterFactory implements HttpFilterFactory {
    @Override
    public String typeUrl() {
        return "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors";
    }

    @Override
    public String perRouteTypeUrl() {
        return "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy";
    }

    @Override
    public boolean terminal() {
        return false;
    }

    @Override
    public HttpFilter.Bound bind(Any config, BindContext context) throws ConfigRejected {
        if (!Packed.is(config, Cors.getDefaultInstance())) { // a message without fields: there is nothing more to check
            throw new ConfigRejected("\"" + config.getTypeUrl() + "\" (expected: Cors)");
        }
        Scope scope = context.httpStats().child("cors");
        var stats = new CorsFilter.Stats(scope.counter("origin_valid"), scope.counter("origin_invalid"));
        return () -> new CorsFilter(stats);
    }

    @Override
    public Object bindPerRoute(Any config) throws ConfigRejected {
        return Policy.read(config);
    }
}
