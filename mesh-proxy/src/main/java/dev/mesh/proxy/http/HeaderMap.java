package dev.mesh.proxy.http;

import dev.mesh.api.decide.HeaderValues;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// Headers or trailers in the order they came; names in lower case, one byte per char (Latin-1), without
/// pseudo headers. Mutable, for one event loop. A message has few headers, so look-up is a scan.
public final class HeaderMap implements HeaderValues {
    private String[] pairs;
    private int size; // used slots of `pairs`: name, value, name, value, ...

    public HeaderMap() {
        this(16);
    }

    /// @param expected how many headers are likely
    public HeaderMap(int expected) {
        pairs = new String[Math.max(4, expected * 2)];
    }

    /// How many headers there are; equal names count each.
    public int count() {
        return size >> 1;
    }

    public boolean isEmpty() {
        return size == 0;
    }

    public String name(int index) {
        return pairs[index << 1];
    }

    public String value(int index) {
        return pairs[(index << 1) + 1];
    }

    /// The first value, or null.
    public @Nullable String get(String name) {
        int at = find(name, 0);
        return at < 0 ? null : pairs[at + 1];
    }

    /// All values joined with `,`, or null if there are none.
    public @Nullable String joined(String name) {
        int at = find(name, 0);
        if (at < 0) {
            return null;
        }
        int next = find(name, at + 2);
        if (next < 0) {
            return pairs[at + 1];
        }
        var joined = new StringBuilder(pairs[at + 1]);
        for (; next >= 0; next = find(name, next + 2)) {
            joined.append(',').append(pairs[next + 1]);
        }
        return joined.toString();
    }

    public boolean contains(String name) {
        return find(name, 0) >= 0;
    }

    public int count(String name) {
        int count = 0;
        for (int at = find(name, 0); at >= 0; at = find(name, at + 2)) {
            count++;
        }
        return count;
    }

    /// The value of the `index`-th header of this name, from 0.
    public String get(String name, int index) {
        int at = find(name, 0);
        for (int i = 0; i < index && at >= 0; i++) {
            at = find(name, at + 2);
        }
        if (at < 0) {
            throw new IndexOutOfBoundsException(name + "[" + index + "]");
        }
        return pairs[at + 1];
    }

    @Override
    public int headerCount(String name) {
        return count(name);
    }

    @Override
    public String headerAt(String name, int index) {
        return get(name, index);
    }

    /// @param name in lower case
    public HeaderMap add(String name, String value) {
        if (size == pairs.length) {
            pairs = java.util.Arrays.copyOf(pairs, size * 2);
        }
        pairs[size] = name;
        pairs[size + 1] = value;
        size += 2;
        return this;
    }

    /// Replaces all headers of this name with one, in the place of the first.
    public HeaderMap set(String name, String value) {
        int at = find(name, 0);
        if (at < 0) {
            return add(name, value);
        }
        pairs[at + 1] = value;
        removeFrom(name, at + 2);
        return this;
    }

    /// @return whether there was one
    public boolean remove(String name) {
        return removeFrom(name, 0);
    }

    public void clear() {
        java.util.Arrays.fill(pairs, 0, size, null);
        size = 0;
    }

    public HeaderMap copy() {
        var copy = new HeaderMap(count() + 2);
        System.arraycopy(pairs, 0, copy.pairs, 0, size);
        copy.size = size;
        return copy;
    }

    public void forEach(BiConsumer<String, String> action) {
        for (int i = 0; i < size; i += 2) {
            action.accept(pairs[i], pairs[i + 1]);
        }
    }

    private boolean removeFrom(String name, int from) {
        int kept = from;
        for (int i = from; i < size; i += 2) {
            if (!pairs[i].equals(name)) {
                pairs[kept] = pairs[i];
                pairs[kept + 1] = pairs[i + 1];
                kept += 2;
            }
        }
        boolean removed = kept != size;
        java.util.Arrays.fill(pairs, kept, size, null);
        size = kept;
        return removed;
    }

    private int find(String name, int from) {
        for (int i = from; i < size; i += 2) {
            if (pairs[i].equals(name)) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public String toString() {
        var text = new StringBuilder();
        forEach((name, value) -> text.append(name).append(": ").append(value).append('\n'));
        return text.toString();
    }
}
