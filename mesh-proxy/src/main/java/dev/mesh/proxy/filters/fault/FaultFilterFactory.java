package dev.mesh.proxy.filters.fault;

import com.google.protobuf.Any;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.stats.Scope;

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`, for the whole chain and per route.
public final class FaultFilterFactory implements HttpFilterFactory {
    private static final String TYPE = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";

    @Override
    public String typeUrl() {
        return TYPE;
    }

    @Override
    public String perRouteTypeUrl() {
        return TYPE;
    }

    @Override
    public boolean terminal() {
        return false;
    }

    @Override
    public HttpFilter.Bound bind(Any config, BindContext context) throws ConfigRejected {
        Settings settings = Settings.read(config);
        Scope scope = context.httpStats().child("fault");
        var stats = new FaultFilter.Stats(
                scope.counter("delays_injected"),
                scope.counter("aborts_injected"),
                scope.counter("faults_overflow"),
                scope.gauge("active_faults"));
        return () -> new FaultFilter(settings, stats);
    }

    @Override
    public Object bindPerRoute(Any config) throws ConfigRejected {
        return Settings.read(config);
    }
}
