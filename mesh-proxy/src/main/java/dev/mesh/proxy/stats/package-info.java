/// **stats**: counters, gauges and histograms under Envoy's names. A floor: knows no other room.
@NullMarked
package dev.mesh.proxy.stats;

import org.jspecify.annotations.NullMarked;
