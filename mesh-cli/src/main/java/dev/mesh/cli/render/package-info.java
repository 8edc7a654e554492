/// **render**: answers as tables, JSON or YAML. Writes no colour codes but to a terminal.
@NullMarked
package dev.mesh.cli.render;

import org.jspecify.annotations.NullMarked;
