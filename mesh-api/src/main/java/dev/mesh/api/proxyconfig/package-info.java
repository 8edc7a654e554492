/// **proxyconfig**: the settings of one proxy (Istio's ProxyConfig), as the injector and the proxy both read them.
@NullMarked
package dev.mesh.api.proxyconfig;

import org.jspecify.annotations.NullMarked;
