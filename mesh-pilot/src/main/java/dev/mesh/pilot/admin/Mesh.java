package dev.mesh.pilot.admin;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.serve.AdsService;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the HTTP port may see of a pilot.
public interface Mesh {
    /// The newest snapshot; null before the first.
    @Nullable
    PushContext newest();

    Collection<MeshObject> objects();

    /// All remarks: on objects by themselves and as they stand together.
    List<Finding> findings();

    /// By node id.
    List<AdsService.Connected> connected();
}
