/// **accesslog**: writes a line for each request or connection that ended. Lines are handed to one writer
/// thread a file; when it cannot keep up they are dropped and counted, the data path never waits.
@NullMarked
package dev.mesh.proxy.accesslog;

import org.jspecify.annotations.NullMarked;
