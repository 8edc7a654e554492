package dev.mesh.proxy.dns;

import java.util.ArrayList;
import java.util.Hashtable;
import java.util.List;
import javax.naming.NamingException;
import javax.naming.directory.InitialDirContext;

/// The JDK's own DNS client, which asks again by TCP when an answer was cut short.
public final class JdkClient {
    private JdkClient() {}

    /// @param port of a server at 127.0.0.1
    /// @param type such as `A`
    /// @return in the order of the answer; empty if the name has none
    @SuppressWarnings({"BanJNDI", "JdkObsolete"}) // nothing but this test's server is asked, and so JNDI wants it
    public static List<String> ask(int port, String name, String type) throws NamingException {
        var environment = new Hashtable<String, String>();
        environment.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
        environment.put("java.naming.provider.url", "dns://127.0.0.1:" + port);
        environment.put("com.sun.jndi.dns.timeout.initial", "5000");
        environment.put("com.sun.jndi.dns.timeout.retries", "1");
        var context = new InitialDirContext(environment);
        try {
            var found = context.getAttributes(name, new String[] {type}).get(type);
            var all = new ArrayList<String>();
            for (int i = 0; found != null && i < found.size(); i++) {
                all.add((String) found.get(i));
            }
            return all;
        } finally {
            context.close();
        }
    }
}
