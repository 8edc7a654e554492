package dev.mesh.pilot.generate;

import dev.mesh.api.finding.ResourceRef;

/// A rule that a proxy was not given, and why: the part of an explanation that only the pilot knows.
///
/// @param object that holds the rule
/// @param rule its name
/// @param virtualHost that it would stand in
/// @param why a sentence for a person
public record LeftOut(ResourceRef object, String rule, String virtualHost, String why) {}
