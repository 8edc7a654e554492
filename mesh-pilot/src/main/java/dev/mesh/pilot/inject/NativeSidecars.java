package dev.mesh.pilot.inject;

import dev.mesh.api.k8s.Node;
import dev.mesh.api.object.MeshObject;
import java.util.Collection;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Whether a cluster runs init containers with `restartPolicy: Always`. The API server must know the field, and every
/// node's kubelet, which may be older, must run it: who schedules a pod asks neither (Istio, `DetectNativeSidecar`).
/// The lower comes first.
public enum NativeSidecars {
    /// Pods get the classic form.
    NONE,
    /// Where a pod asks for it: Kubernetes 1.29, where it is on by default.
    POSSIBLE,
    /// Unless a pod says otherwise: Kubernetes 1.33, where it is stable.
    USUAL;

    private static final Pattern VERSION = Pattern.compile("v?(\\d{1,4})\\.(\\d{1,4}).*");
    private static final int ON_BY_DEFAULT = 29;
    private static final int STABLE = 33;

    /// Of one program of Kubernetes.
    ///
    /// @param version such as `v1.33.1` or `1.33+`; what is none runs nothing
    public static NativeSidecars of(String version) {
        Matcher matcher = VERSION.matcher(version);
        if (!matcher.matches()) {
            return NONE;
        }
        int major = Integer.parseInt(matcher.group(1));
        int minor = Integer.parseInt(matcher.group(2));
        if (major != 1) {
            return major > 1 ? USUAL : NONE;
        }
        return minor >= STABLE ? USUAL : minor >= ON_BY_DEFAULT ? POSSIBLE : NONE;
    }

    /// No more than the least that a kubelet runs.
    ///
    /// @param objects of any kind; those that are Nodes and say their kubelet's version count
    NativeSidecars onNodes(Collection<MeshObject> objects) {
        NativeSidecars least = this;
        for (MeshObject object : objects) {
            if (object.spec() instanceof Node node
                    && node.status() != null
                    && node.status().nodeInfo() != null) {
                least = least.and(of(node.status().nodeInfo().kubeletVersion()));
            }
        }
        return least;
    }

    /// The lower of two.
    public NativeSidecars and(NativeSidecars other) {
        return compareTo(other) <= 0 ? this : other;
    }
}
