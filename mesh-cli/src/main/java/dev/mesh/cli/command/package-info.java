/// **command**: one picocli class for each verb. Exit codes: 0 = fine, 1 = the answer is no or something
/// failed, 2 = the command line is off.
@NullMarked
package dev.mesh.cli.command;

import org.jspecify.annotations.NullMarked;
