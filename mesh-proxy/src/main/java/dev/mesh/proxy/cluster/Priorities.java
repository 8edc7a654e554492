package dev.mesh.proxy.cluster;

/// How much of the traffic each priority gets (Envoy, "Priority levels"): the first takes as much as its healthy
/// hosts can carry with an overprovisioning of (usually) 140 %, the next what is left.
///
/// @param health of each priority in percent, 0-100
/// @param loads of each priority in percent; 100 together
/// @param total health of all, 0-100; below 100 a priority may panic
record Priorities(int[] health, int[] loads, int total) {
    /// @param overprovisioning in percent
    static Priorities of(int[] healthy, int[] hosts, int overprovisioning) {
        int count = hosts.length;
        var health = new int[count];
        long sum = 0;
        for (int i = 0; i < count; i++) {
            health[i] = health(healthy[i], hosts[i], overprovisioning);
            sum += health[i];
        }
        int total = (int) Math.min(100, sum);
        var loads = new int[count];
        int left = 100;
        if (total == 0) {
            // Nobody is healthy: all hosts are used, each alike.
            long all = 0;
            for (int number : hosts) {
                all += number;
            }
            for (int i = 0; i < count && all > 0; i++) {
                loads[i] = (int) (100L * hosts[i] / all);
                left -= loads[i];
            }
        } else {
            for (int i = 0; i < count; i++) {
                loads[i] = Math.min(left, health[i] * 100 / total);
                left -= loads[i];
            }
        }
        // What rounding left goes to the first that can take any.
        for (int i = 0; i < count && left > 0; i++) {
            if (total == 0 ? hosts[i] > 0 : health[i] > 0) {
                loads[i] += left;
                left = 0;
            }
        }
        return new Priorities(health, loads, total);
    }

    static int health(int healthy, int hosts, int overprovisioning) {
        return hosts == 0 ? 0 : (int) Math.min(100, (long) overprovisioning * healthy / hosts);
    }

    /// @param draw 0-99
    int pick(int draw) {
        int taken = 0;
        for (int i = 0; i < loads.length; i++) {
            taken += loads[i];
            if (draw < taken) {
                return i;
            }
        }
        return 0;
    }
}
