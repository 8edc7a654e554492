package dev.mesh.api.decide.compile;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouteCompilerTest {
    private static final String TABLE = """
            {"name": "t", "virtual_hosts": [
              {"name": "exact", "domains": ["a.com", "A.com:8080"], "routes": [
                {"name": "regex", "match": {"safe_regex": {"regex": "/item/[0-9]+"}}, "route": {"cluster": "c"}},
                {"name": "segments", "match": {"path_separated_prefix": "/api"}, "route": {"cluster": "c"}},
                {"name": "exact", "match": {"path": "/Exact", "case_sensitive": false}, "route": {"cluster": "c"}},
                {"name": "header", "match": {"prefix": "/h", "headers": [{"name": "X-User", "string_match": {"exact": "ann"}}]}, "route": {"cluster": "c"}},
                {"name": "absent", "match": {"prefix": "/h", "headers": [{"name": "x-user", "present_match": true, "invert_match": true}]}, "route": {"cluster": "c"}},
                {"name": "range", "match": {"prefix": "/h", "headers": [{"name": "x-user", "range_match": {"start": 1, "end": 10}}]}, "route": {"cluster": "c"}},
                {"name": "query", "match": {"prefix": "/q", "query_parameters": [{"name": "v", "string_match": {"prefix": "a b"}}]}, "route": {"cluster": "c"}},
                {"name": "grpc", "match": {"prefix": "/g", "grpc": {}}, "route": {"cluster": "c"}},
                {"name": "rest", "match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
              {"name": "suffix", "domains": ["*.b.com"], "routes": [{"name": "suffix", "match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
              {"name": "longer", "domains": ["*.x.b.com"], "routes": [{"name": "longer", "match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
              {"name": "prefix", "domains": ["foo.*"], "routes": [{"name": "prefix", "match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
              {"name": "any", "domains": ["*"], "routes": [{"name": "any", "match": {"prefix": "/any"}, "route": {"cluster": "c"}}]}]}
            """;

    private static RouteConfiguration parse(String json) {
        try {
            var builder = RouteConfiguration.newBuilder();
            JsonFormat.parser().merge(json, builder);
            return builder.build();
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    private static RouteTable table(String json) {
        return switch (RouteCompiler.compile(parse(json))) {
            case Compiled.Ok<RouteTable>(RouteTable table) -> table;
            case Compiled.Rejected<RouteTable>(List<String> reasons) -> throw new AssertionError(reasons);
        };
    }

    @ParameterizedTest
    @CsvSource({
        "a.com, /item/12, '', regex",
        "a.com, /item/12?x=1, '', regex",
        "a.com, /item/12/more, '', rest",
        "a.com, /api, '', segments",
        "a.com, /api/x, '', segments",
        "a.com, /apix, '', rest",
        "a.com, /eXACT?q, '', exact",
        "a.com, /exact/, '', rest",
        "A.COM:8080, /, '', rest",
        "a.com:9090, /, '', ''",
        "a.com, /h, x-user=ann, header",
        "a.com, /h, '', absent",
        "a.com, /h, x-user=9, range",
        "a.com, /h, x-user=10, rest",
        "a.com, /h, x-user=bob, rest",
        "a.com, /q?v=a%20bc, '', rest",
        "a.com, /q?vv=a%20b, '', rest",
        "a.com, /g, content-type=application/grpc+proto, grpc",
        "a.com, /g, content-type=application/grpcx, rest",
        "z.b.com, /, '', suffix",
        "z.x.b.com, /, '', longer",
        "b.com, /any, '', any",
        "foo.org, /, '', prefix",
        "other, /any/x, '', any",
        "other, /none, '', ''",
    })
    void takesTheRouteThatEnvoyWouldTake(String authority, String path, String header, String expected) {
        RouteTable table = table(TABLE);
        VirtualHost host = table.virtualHost(authority, null);
        Route route =
                host == null ? null : table.route(host, new Request(authority, path, header), new Random(1), null);

        assertThat(route == null ? "" : route.name()).isEqualTo(expected);
    }

    @Test
    void saysEveryReasonWithItsPath() {
        var result = RouteCompiler.compile(parse("""
                {"virtual_hosts": [{"name": "v", "domains": ["a*b"], "routes": [
                  {"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": ""}},
                  {"match": {"prefix": "/"}, "direct_response": {"status": 99}},
                  {"match": {}, "route": {"weighted_clusters": {"clusters": [{"name": "a", "weight": 0}]}}}]}]}
                """));
        assertThat(result).isInstanceOf(Compiled.Rejected.class);
        var reasons = ((Compiled.Rejected<RouteTable>) result).reasons();
        assertThat(reasons)
                .anyMatch(reason -> reason.startsWith("virtual_hosts[0].domains[0]: \"a*b\""))
                .anyMatch(reason -> reason.startsWith("virtual_hosts[0].routes[0].match.safe_regex: "))
                .anyMatch(reason -> reason.startsWith("virtual_hosts[0].routes[0].route.cluster: empty"))
                .anyMatch(reason -> reason.contains("routes[1].direct_response.status: 99 (expected: 200-599)"))
                .anyMatch(reason -> reason.contains("routes[2].match: no path specifier"))
                .anyMatch(reason -> reason.contains("weights sum to 0"));
    }

    @Test
    void refusesADomainInTwoVirtualHosts() {
        assertThat(
                        RouteCompiler.compile(
                                parse(
                                        "{\"virtual_hosts\": [{\"name\": \"a\", \"domains\": [\"x\"]}, {\"name\": \"b\", \"domains\": [\"X\"]}]}")))
                .isInstanceOfSatisfying(
                        Compiled.Rejected.class,
                        rejected -> assertThat(rejected.reasons().toString())
                                .contains("domain x stands in virtual hosts a and b"));
    }

    @Test
    void oneVirtualHostIsReplacedWithoutTheOthers() {
        RouteTable before = table(TABLE);
        VirtualHost old = before.virtualHost("z.b.com", null);
        assertThat(old).isNotNull();
        RouteTable after = before.withVirtualHosts(
                List.of(new VirtualHost("new", List.of("new.org"), List.of(), VirtualHost.RequireTls.NONE, null)),
                List.of("suffix"));

        VirtualHost found = after.virtualHost("new.org", null);
        assertThat(found).isNotNull();
        assertThat(found.name()).isEqualTo("new");
        VirtualHost fallback = after.virtualHost("z.b.com", null);
        assertThat(fallback).isNotNull();
        assertThat(fallback.name()).isEqualTo("any");
        assertThat(before.virtualHost("z.b.com", null)).isEqualTo(old);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "string_match: {exact: 'ann'} | x-user=bob;x-user=ann | true",
                "string_match: {exact: 'bob,ann'} | x-user=bob;x-user=ann | false",
                "string_match: {exact: 'ann'} | x-user=bob;x-user=eve | false",
                "string_match: {exact: 'ann'} invert_match: true | x-user=bob;x-user=ann | false",
                "string_match: {exact: 'ann'} invert_match: true | x-user=bob;x-user=eve | true",
                "string_match: {exact: 'ann'} invert_match: true | '' | false",
                "string_match: {exact: 'ann'} invert_match: true treat_missing_header_as_empty: true | '' | true",
                "range_match: {start: 1 end: 5} | x-user=9;x-user=2 | true",
                "range_match: {start: 1 end: 5} invert_match: true | x-user=9;x-user=2 | false",
                "range_match: {start: 1 end: 5} invert_match: true | '' | false",
            })
    void eachValueOfAHeaderIsMatchedOnItsOwn(String matcher, String headers, boolean expected) throws Exception {
        var proto = com.google.protobuf.TextFormat.parse(
                "name: 'x-user' " + matcher, io.envoyproxy.envoy.config.route.v3.HeaderMatcher.class);
        var match = HeaderMatches.compile(proto, "headers", new Reasons());

        assertThat(match.matches(new Request("a.com", "/", headers))).isEqualTo(expected);
    }

    /// @param header `name=value`s with `;` between them, or empty
    private record Request(String authority, String path, String header) implements RequestView {
        private List<String> values(String name) {
            return Stream.of(header.split(";", -1))
                    .filter(one -> one.startsWith(name + "="))
                    .map(one -> one.substring(name.length() + 1))
                    .toList();
        }

        @Override
        public String method() {
            return "GET";
        }

        @Override
        public String scheme() {
            return "http";
        }

        @Override
        public @Nullable String header(String name) {
            return headerCount(name) == 0 ? null : String.join(",", values(name));
        }

        @Override
        public int headerCount(String name) {
            return values(name).size();
        }

        @Override
        public String headerAt(String name, int index) {
            return values(name).get(index);
        }

        @Override
        public ConnectionView connection() {
            throw new AssertionError("no match here asks for the connection");
        }
    }
}
