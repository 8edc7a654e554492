package dev.mesh.pilot.kube;

/// Who hears of what the informers bring. Called on their threads; must not block.
interface Changes {
    /// An object changed, or came, or went: what is made of them may differ.
    void changed();

    /// Something was seen of an object of the mesh, be it its status alone, or what is wrong with it.
    void seen();
}
