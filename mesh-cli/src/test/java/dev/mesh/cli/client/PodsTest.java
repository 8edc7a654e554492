package dev.mesh.cli.client;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// What pods of the pilot say of themselves, by the kubelet or by their own health.
class PodsTest {
    @Test
    void whatAPodWaitsForIsRead() {
        String pods = """
                {"items": [
                  {"metadata": {"name": "b"}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
                    "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
                      "lastState": {"terminated": {"message": "started\\nno right to read secrets\\n"}}}]}},
                  {"metadata": {"name": "a"}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [{"state": {"running": {}}}]}},
                  {"metadata": {"name": "c"}, "status": {"phase": "Pending",
                    "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}},
                  {"metadata": {"name": "d"}, "status": {"phase": "Pending"}},
                  {"metadata": {"name": "e", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}
                ]}""";

        assertThat(Kubectl.readPods(pods))
                .containsExactly(
                        new Kubectl.Pod("a", true, true, ""),
                        new Kubectl.Pod("b", false, true, "CrashLoopBackOff: no right to read secrets"),
                        new Kubectl.Pod("c", false, false, "ErrImagePull: not found"),
                        new Kubectl.Pod("d", false, false, ""));
    }

    @Test
    void whatThePilotWaitsForIsReadOfItsReadiness() {
        String health = """
                {"status": "DOWN", "components": {"pilot": {"status": "DOWN", "details": {"waitsFor": "pods (not allowed)"}},
                  "readinessState": {"status": "UP"}}}""";

        assertThat(PilotClient.waitsFor(health)).isEqualTo("pods (not allowed)");
        assertThat(PilotClient.waitsFor("{\"status\": \"UP\"}")).isEmpty();
        assertThat(PilotClient.waitsFor("<html>")).isEmpty();
    }
}
