package dev.mesh.proxy.xds;

/// One open stream in one dialect. What it holds, nonces and subscriptions, dies with it; what must outlive it
/// is in [Known]. Configuration thread.
interface AdsStream {
    /// Tells the control plane what is wanted now that was not before, or no more.
    void updateSubscriptions();

    /// Ends the stream from this side.
    void close();
}
