package dev.mesh.cli.command;

import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.proto.v1.ListProxiesResponse;
import dev.mesh.api.proto.v1.ProxyStatus;
import dev.mesh.api.xds.XdsType;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.client.NodeName;
import dev.mesh.cli.render.Output;
import dev.mesh.cli.render.Table;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `meshctl proxy-status`: which proxies there are, and whether what they were sent is in effect.
@Command(
        name = "proxy-status",
        aliases = "ps",
        description = {
            "Lists the connected proxies, what they took of their configuration, and what is in effect; below it, what the"
                    + " pilot cannot do.",
            "",
            "SYNCED: the proxy took what it was sent; STALE: it has not answered yet; ERROR: it refused it, for the reason"
                    + " below; NOT SENT: there is none for it. APPLIED: the last push is in effect (only mesh-proxy tells)."
                    + " The exit code is 1 if any refused."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  meshctl proxy-status", "  meshctl ps -o json", "  meshctl ps --pilot 127.0.0.1:15010"})
public final class ProxyStatusCommand implements Callable<Integer> {
    private static final List<XdsType> SHOWN =
            List.of(XdsType.CLUSTER, XdsType.LISTENER, XdsType.ENDPOINT, XdsType.ROUTE, XdsType.VIRTUAL_HOST);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private final PilotOptions pilot = new PilotOptions();

    @Mixin
    private final OutputOption form = new OutputOption();

    @Override
    public Integer call() {
        try (var client = pilot.client()) {
            var answer = client.proxies();
            var out = spec.commandLine().getOut();
            if (form.output != Output.TABLE) {
                out.print(form.output.text(JsonParser.parseString(json(answer))));
                out.flush();
                return 0;
            }
            var table = new Table("NAME", "CDS", "LDS", "EDS", "RDS", "VHDS", "APPLIED", "VERSION");
            answer.getProxiesList().stream()
                    .sorted(Comparator.comparing(ProxyStatus::getNodeId))
                    .forEach(proxy -> table.row(
                            NodeName.of(proxy.getNodeId()).shortForm(),
                            state(proxy, SHOWN.get(0)),
                            state(proxy, SHOWN.get(1)),
                            state(proxy, SHOWN.get(2)),
                            state(proxy, SHOWN.get(3)),
                            state(proxy, SHOWN.get(4)),
                            applied(proxy),
                            proxy.getProxyVersion()));
            table.print(out, Table.ansi(spec));
            int errors = 0;
            for (var proxy : answer.getProxiesList()) {
                for (var type : proxy.getTypesList()) {
                    if (!type.getLastError().isEmpty()) {
                        errors++;
                        out.println();
                        out.println(NodeName.of(proxy.getNodeId()).shortForm() + " refused "
                                + shortName(type.getTypeUrl()) + ": " + type.getLastError());
                    }
                }
            }
            if (answer.getTroublesCount() > 0) {
                out.println();
                answer.getTroublesList().forEach(out::println);
            }
            out.flush();
            return errors == 0 ? 0 : 1;
        }
    }

    private static String state(ProxyStatus proxy, XdsType type) {
        return proxy.getTypesList().stream()
                .filter(status -> status.getTypeUrl().equals(type.typeUrl()))
                .map(status -> status.getState().replace('_', ' '))
                .findFirst()
                .orElse("-");
    }

    private static String applied(ProxyStatus proxy) {
        if (!proxy.getHasSession()) {
            return "unknown";
        }
        return proxy.getPushIdApplied().equals(proxy.getPushIdSent()) ? "yes" : "no";
    }

    private static String shortName(String typeUrl) {
        XdsType type = XdsType.ofTypeUrl(typeUrl);
        return type == null ? typeUrl : type.shortName();
    }

    private static String json(ListProxiesResponse answer) {
        try {
            return JsonFormat.printer().print(answer);
        } catch (InvalidProtocolBufferException e) {
            throw new Failure("the pilot's answer cannot be printed as JSON: " + e.getMessage());
        }
    }
}
