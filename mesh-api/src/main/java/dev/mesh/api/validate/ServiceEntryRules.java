package dev.mesh.api.validate;

import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.networking.WorkloadEntry;
import java.util.HashSet;

/// ServiceEntry and WorkloadEntry.
final class ServiceEntryRules {
    private final Check check;

    ServiceEntryRules(Check check) {
        this.check = check;
    }

    void check(ServiceEntry spec) {
        if (spec.hosts().isEmpty()) {
            check.error("spec.hosts", "empty (expected: at least one)");
        }
        for (int i = 0; i < spec.hosts().size(); i++) {
            if (spec.hosts().get(i).equals("*")) {
                check.error("spec.hosts[" + i + "]", "\"*\" (expected: a name, or *.suffix)");
            } else {
                check.host("spec.hosts[" + i + "]", spec.hosts().get(i), true);
            }
        }
        for (int i = 0; i < spec.addresses().size(); i++) {
            check.subnet("spec.addresses[" + i + "]", spec.addresses().get(i));
        }
        ports(spec);
        if (spec.workloadSelector() != null && !spec.endpoints().isEmpty()) {
            check.error("spec.workloadSelector", "beside endpoints (expected: one of them)");
        }
        if (spec.resolution() == ServiceEntry.Resolution.NONE
                && !spec.endpoints().isEmpty()) {
            check.error("spec.endpoints", "with resolution NONE (expected: STATIC or DNS)");
        }
        boolean dns = spec.resolution() != ServiceEntry.Resolution.NONE
                && spec.resolution() != ServiceEntry.Resolution.STATIC;
        for (int i = 0; i < spec.hosts().size(); i++) {
            if (dns
                    && spec.hosts().get(i).startsWith("*")
                    && spec.endpoints().isEmpty()
                    && spec.resolution() != ServiceEntry.Resolution.DYNAMIC_DNS) {
                check.error(
                        "spec.hosts[" + i + "]",
                        "\"" + spec.hosts().get(i) + "\" cannot be resolved (expected: a name, or endpoints)");
            }
        }
        for (int i = 0; i < spec.endpoints().size(); i++) {
            endpoint("spec.endpoints[" + i + "]", spec.endpoints().get(i), dns);
        }
    }

    private void ports(ServiceEntry spec) {
        var numbers = new HashSet<Integer>();
        var names = new HashSet<String>();
        for (int i = 0; i < spec.ports().size(); i++) {
            var port = spec.ports().get(i);
            String path = "spec.ports[" + i + "]";
            check.port(path + ".number", port.number());
            check.optionalPort(path + ".targetPort", port.targetPort());
            if (!numbers.add(port.number())) {
                check.error(path + ".number", port.number() + " stands twice");
            }
            if (port.name().isEmpty()) {
                check.error(path + ".name", "missing (expected: a name, unique in the object)");
            } else if (!names.add(port.name())) {
                check.error(path + ".name", "\"" + port.name() + "\" stands twice");
            }
        }
    }

    /// @param names whether the address may be a DNS name
    void endpoint(String path, WorkloadEntry entry, boolean names) {
        String address = entry.address();
        if (address.isEmpty()) {
            if (entry.network().isEmpty()) {
                check.error(
                        path + ".address",
                        "missing (expected: an IP address" + (names ? ", a DNS name" : "") + " or unix:///path)");
            }
        } else if (address.startsWith("unix://")) {
            if (!entry.ports().isEmpty()) {
                check.error(path + ".ports", "with a unix address (expected: none)");
            }
            if (!address.startsWith("unix:///") && !address.startsWith("unix://@")) {
                check.error(path + ".address", "\"" + address + "\" (expected: unix:///path)");
            }
        } else if (!Check.isAddress(address) && !(names && Check.isDnsName(address) && !address.matches("[0-9.]+"))) {
            check.error(
                    path + ".address",
                    "\"" + address + "\" (expected: an IP address" + (names ? " or a DNS name" : "") + ")");
        }
        entry.ports().forEach((name, port) -> check.port(path + ".ports[\"" + name + "\"]", port));
        check.atLeastZero(path + ".weight", entry.weight());
    }
}
