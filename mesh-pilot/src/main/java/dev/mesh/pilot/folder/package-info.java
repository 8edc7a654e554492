/// **folder**: a directory of YAML as source of configuration, watched.
@NullMarked
package dev.mesh.pilot.folder;

import org.jspecify.annotations.NullMarked;
