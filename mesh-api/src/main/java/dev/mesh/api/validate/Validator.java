package dev.mesh.api.validate;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import java.util.List;

/// Says everything that is wrong with one object (Istio, `pkg/config/validation`, for what is legal there).
public final class Validator {
    private Validator() {}

    /// @return in the order of the text's fields; empty if it is fine, or of a kind that needs no more than its types
    public static List<Finding> validate(MeshObject object) {
        var check = new Check(object);
        switch (object.spec()) {
            case VirtualService spec -> new VirtualServiceRules(check).check(spec);
            case DestinationRule spec -> new DestinationRuleRules(check).check(spec);
            case Gateway spec -> new GatewayRules(check).check(spec);
            case ServiceEntry spec -> new ServiceEntryRules(check).check(spec);
            case WorkloadEntry spec -> new ServiceEntryRules(check).endpoint("spec", spec, true);
            case Sidecar spec -> new SidecarRules(check).check(spec);
            case Secret spec -> new SecretRules(check).check(spec);
            case Service spec -> {
                for (int i = 0; i < spec.ports().size(); i++) {
                    check.port("spec.ports[" + i + "].port", spec.ports().get(i).port());
                }
            }
            default -> {}
        }
        return check.findings();
    }
}
