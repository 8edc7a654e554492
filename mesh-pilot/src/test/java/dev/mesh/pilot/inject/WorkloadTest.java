package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.read.JsonTree;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkloadTest {
    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
                    ReplicaSet            ; shop-7b69d6b8f6 ; pod-template-hash: 7b69d6b8f6          ; Deployment shop
                    ReplicaSet            ; shop-7b69d6b8f6 ; pod-template-hash: other               ; ReplicaSet shop-7b69d6b8f6
                    ReplicaSet            ; shop-abc        ; rollouts-pod-template-hash: abc        ; Rollout shop
                    ReplicationController ; shop-1          ; deploymentconfig: shop                 ; DeploymentConfig shop
                    Job                   ; report-28000000 ; app: report                            ; CronJob report
                    Job                   ; report          ; app: report                            ; Job report
                    StatefulSet           ; db              ; app: db                                ; StatefulSet db
                    """)
    void isWhatOwnsThePod(String kind, String name, String labels, String expected) {
        var pod = JsonTree.parse("{metadata: {generateName: x-, labels: {" + labels + "}, ownerReferences:"
                        + " [{kind: Node, name: n}, {apiVersion: apps/v1, kind: " + kind + ", name: " + name
                        + ", controller: true}]}}")
                .getAsJsonObject();
        Workload workload = Workload.of(pod, "ns");
        assertThat(workload.kind() + " " + workload.name()).isEqualTo(expected);
    }
}
