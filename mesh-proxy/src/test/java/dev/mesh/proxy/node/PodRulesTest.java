package dev.mesh.proxy.node;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.proxy.node.PodRules.Decision;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PodRulesTest {
    /// As the injector makes it.
    static final String INJECTED = """
            {"metadata": {
               "name": "cart", "namespace": "shop", "uid": "u1", "labels": {"app": "cart"},
               "annotations": {"sidecar.istio.io/status": "{}"}},
             "spec": {
               "dnsPolicy": "ClusterFirst",
               "initContainers": [
                 {"name": "istio-validation",
                  "args": ["iptables", "-p", "15001", "-x", "", "-u", "0", "-b", "*", "--run-validation", "--skip-rule-apply"],
                  "env": [{"name": "ISTIO_META_DNS_CAPTURE", "value": "true"},
                          {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]},
                 {"name": "istio-proxy", "args": ["proxy", "sidecar", "--domain", "x"],
                  "env": [{"name": "ISTIO_META_INTERCEPTION_MODE", "value": "REDIRECT"}]}],
               "containers": [{"name": "app"}]}}
            """;

    private static Decision of(String pod) {
        return PodRules.of(JsonParser.parseString(pod).getAsJsonObject(), Set.of("kube-system"), List.of("10.96.0.10"));
    }

    @Test
    void theRulesAreThoseThatTheValidationLooksFor() {
        assertThat(of(INJECTED))
                .isEqualTo(new Decision.Lay(
                        List.of("-p", "15001", "-x", "", "-u", "0", "-b", "*"),
                        Map.of("ISTIO_META_DNS_CAPTURE", "true", "NODE", ""),
                        List.of("10.96.0.10")));
    }

    @Test
    void aPodsOwnNameServersAreItsOwn() {
        JsonObject pod = JsonParser.parseString(INJECTED).getAsJsonObject();
        pod.getAsJsonObject("spec").addProperty("dnsPolicy", "None");
        pod.getAsJsonObject("spec")
                .add("dnsConfig", JsonParser.parseString("{\"nameservers\": [\"10.0.0.53\", \"fd00::53\"]}"));
        assertThat(of(pod.toString()))
                .isInstanceOfSatisfying(
                        Decision.Lay.class,
                        lay -> assertThat(lay.nameServers()).containsExactly("10.0.0.53", "fd00::53"));

        pod.getAsJsonObject("spec").addProperty("dnsPolicy", "Default");
        assertThat(of(pod.toString()))
                .isInstanceOfSatisfying(
                        Decision.Lay.class, lay -> assertThat(lay.args()).contains("--capture-all-dns"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"dnsPolicy\": | \"hostNetwork\": true, \"dnsPolicy\": | it is on the network of its host",
                "\"shop\" | \"kube-system\" | its namespace kube-system is excluded",
                "\"istio-validation\" | \"istio-init\" | its init container istio-init lays them",
                "\"istio-proxy\" | \"envoy\" | it has no container istio-proxy",
                "\"sidecar\", | \"router\", | its proxy is a router",
                "\"app\": \"cart\" | \"sidecar.istio.io/inject\": \"false\" | it asks for no sidecar",
                "\"app\": \"cart\" | \"mesh.dev/injection\": \"disabled\" | it asks for no sidecar",
                "sidecar.istio.io/status | other"
                        + " | its proxy is not an injected one (it has no annotation sidecar.istio.io/status)",
                "REDIRECT | NONE | its interception mode is NONE",
                "\"annotations\": { | \"annotations\": {\"sidecar.istio.io/interceptionMode\": \"NONE\", "
                        + "| its interception mode is NONE",
                "istio-validation | other" + " | it has no init container istio-validation, which says what they are",
            })
    void otherPodsAreLeftAlone(String text, String instead, String why) {
        assertThat(of(INJECTED.replace(text, instead))).isEqualTo(new Decision.Leave(why));
    }

    @Test
    void brokenIsWhoseValidationFoundNoRules() {
        assertThat(Repair.isBroken(status("{\"waiting\": {\"reason\": \"CrashLoopBackOff\"}}", 126)))
                .isTrue();
        assertThat(Repair.isBroken(status("{\"terminated\": {\"exitCode\": 126}}", -1)))
                .isTrue();
        assertThat(Repair.isBroken(status("{\"terminated\": {\"exitCode\": 0}}", 126)))
                .as("it succeeded after all")
                .isFalse();
        assertThat(Repair.isBroken(status("{\"waiting\": {}}", 1)))
                .as("another mistake")
                .isFalse();
        assertThat(Repair.isBroken(JsonParser.parseString(INJECTED).getAsJsonObject()))
                .isFalse();
    }

    /// An injected pod whose validation is in this state.
    ///
    /// @param last its exit code before; negative = none
    static JsonObject status(String now, int last) {
        JsonObject pod = JsonParser.parseString(INJECTED).getAsJsonObject();
        String before = last < 0 ? "{}" : "{\"terminated\": {\"exitCode\": " + last + "}}";
        pod.add(
                "status",
                JsonParser.parseString("{\"initContainerStatuses\": [{\"name\": \"istio-validation\", \"state\": " + now
                        + ", \"lastState\": " + before + "}]}"));
        return pod;
    }
}
