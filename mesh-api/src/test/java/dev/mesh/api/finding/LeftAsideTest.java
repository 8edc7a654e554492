package dev.mesh.api.finding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.read.ObjectReader;
import java.util.List;
import org.junit.jupiter.api.Test;

class LeftAsideTest {
    @Test
    void countsKindsOfOtherGroups() {
        var findings = ObjectReader.read("app.yaml", """
                        {apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}
                        ---
                        {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
                        ---
                        {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}
                        ---
                        {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: c}}
                        ---
                        {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: d}}
                        ---
                        {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: e}}
                        ---
                        {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: f}}
                        ---
                        {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: g}}
                        ---
                        {apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 0}]}}
                        """).findings();

        assertThat(LeftAside.summary(findings))
                .isEqualTo("1 ServiceAccount, 2 Deployments (apps), 1 Gateway (gateway.networking.k8s.io),"
                        + " 2 Ingresses (networking.k8s.io), 2 NetworkPolicies (networking.k8s.io)");
    }

    @Test
    void isEmptyWhenNothingIs() {
        assertThat(LeftAside.summary(List.of())).isEmpty();
    }
}
