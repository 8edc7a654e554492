package dev.mesh.proxy.filters.router;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.upstream.UpstreamPools;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import org.jspecify.annotations.Nullable;

/// `envoy.extensions.filters.http.router.v3.Router`.
public final class RouterFilterFactory implements HttpFilterFactory {
    private final UpstreamPools pools;

    public RouterFilterFactory(UpstreamPools pools) {
        this.pools = pools;
    }

    @Override
    public String typeUrl() {
        return "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    }

    @Override
    public @Nullable String perRouteTypeUrl() {
        return null;
    }

    @Override
    public boolean terminal() {
        return true;
    }

    @Override
    public HttpFilter.Bound bind(Any config, BindContext context) throws ConfigRejected {
        Router router;
        try {
            router = Packed.unpack(config, Router.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a Router: " + e.getMessage());
        }
        if (router.getUpstreamHttpFiltersCount() > 0) {
            throw new ConfigRejected("upstream_http_filters: not supported");
        }
        if (router.getUpstreamLogCount() > 0) {
            throw new ConfigRejected("upstream_log: not supported");
        }
        var shared = new RouterFilter.Shared(context.clusters(), pools, router.getSuppressEnvoyHeaders());
        return () -> new RouterFilter(shared);
    }

    @Override
    public Object bindPerRoute(Any config) throws ConfigRejected {
        throw new ConfigRejected("the router takes no per-route configuration");
    }
}
