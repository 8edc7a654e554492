package dev.mesh.pilot.admin;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import org.springframework.web.filter.OncePerRequestFilter;

/// Keeps what shows the mesh's configuration from the pod network: all but probes and metrics is for loopback only,
/// which is where `kubectl port-forward` and `kubectl exec` come from.
public final class LoopbackGuard extends OncePerRequestFilter {

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (isForAll(request.getRequestURI())
                || InetAddress.getByName(request.getRemoteAddr()).isLoopbackAddress()) {
            chain.doFilter(request, response);
            return;
        }
        response.setStatus(HttpServletResponse.SC_FORBIDDEN);
        response.setContentType("text/plain;charset=UTF-8");
        response.getWriter().write("only from the pod itself: kubectl port-forward to this port, and ask there\n");
    }

    /// Whether a path is for the kubelet and Prometheus too.
    static boolean isForAll(String path) {
        return path.equals("/ready")
                || path.equals("/metrics")
                || path.equals("/health")
                || path.equals("/health/liveness")
                || path.equals("/health/readiness");
    }
}
