package dev.mesh.pilot.serve;

import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import java.util.List;
import java.util.Map;

/// What one client has subscribed to and been sent, in one of the two dialects of xDS: requests and views in,
/// responses out. No I/O; one thread at a time.
///
/// @param <Q> request
/// @param <R> response
public interface ClientSession<Q, R> {
    /// A request came.
    ///
    /// @param view the newest
    /// @return what to send now; empty if nothing
    List<R> onRequest(XdsType type, Q request, ProxyView view);

    /// A new view is there.
    ///
    /// @return what to send, in order; empty if the client has it all
    List<R> onPush(ProxyView view);

    /// Whether the client asks for a resource of a type by its name, be it there or not.
    boolean names(XdsType type);

    /// How things stand, by type, of those that the client asked for.
    Map<XdsType, TypeState> states();

    /// @param subscribed resources that the client has
    /// @param sent nonce of the newest response; empty if there was none
    /// @param acked nonce of the newest response that was answered
    /// @param error message of the newest NACK that no ACK followed; empty if there is none
    record TypeState(int subscribed, String sent, String acked, String error) {
        /// As istioctl says it.
        public String word() {
            if (!error.isEmpty()) {
                return "ERROR";
            }
            if (sent.isEmpty()) {
                // A client that came back with all of it needs nothing.
                return subscribed > 0 ? "SYNCED" : "NOT_SENT";
            }
            return sent.equals(acked) ? "SYNCED" : "STALE";
        }
    }
}
