import java.lang.reflect.Field;
import java.util.spi.ToolProvider;
import sun.misc.Unsafe;

/// `java scripts/Jlink.java ARGUMENTS`: jlink whose output is the same every time. A JVM walks through its immutable
/// sets in an order that it draws when it starts, and jlink writes some of them into `SystemModules` as it meets them;
/// here the order is fixed. (The draw decides iteration only, not where elements lie, so sets made earlier stay whole.)
public class Jlink {
    @SuppressWarnings("removal") // Unsafe: there is no other way to it
    public static void main(String[] arguments) throws ReflectiveOperationException {
        Field access = Unsafe.class.getDeclaredField("theUnsafe");
        access.setAccessible(true);
        var unsafe = (Unsafe) access.get(null);
        Class<?> sets = Class.forName("java.util.ImmutableCollections");
        Field salt = sets.getDeclaredField("SALT32L");
        Field reverse = sets.getDeclaredField("REVERSE");
        unsafe.putLong(unsafe.staticFieldBase(salt), unsafe.staticFieldOffset(salt), 0x2545F491L);
        unsafe.putBoolean(unsafe.staticFieldBase(reverse), unsafe.staticFieldOffset(reverse), false);
        var jlink = ToolProvider.findFirst("jlink").orElseThrow();
        System.exit(jlink.run(System.out, System.err, arguments));
    }
}
