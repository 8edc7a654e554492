/// **render**: the pilot's pure half as a command: a folder and a node in; resources, findings and left-out rules
/// out, as JSON. meshctl runs it as a child process.
@NullMarked
package dev.mesh.pilot.render;

import org.jspecify.annotations.NullMarked;
