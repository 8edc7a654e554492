package dev.mesh.proxy.io;

import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.IoOps;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoOps;

/// Keeps a socket in its epoll set while nothing is asked of it.
///
/// Netty 4.2.18 takes a socket without interests out of the set and does not note that it did. A side that has ended is
/// such a socket, and when a write to it has to wait, asking for its turn fails (ENOENT) and what was left to write is
/// lost. Errors are reported for every socket in a set, so to ask for these alone is to ask for nothing.
final class LastingRegistrations implements IoHandler {
    private final IoHandler handler;

    private LastingRegistrations(IoHandler handler) {
        this.handler = handler;
    }

    static IoHandlerFactory factory(IoHandlerFactory epoll) {
        return executor -> new LastingRegistrations(epoll.newHandler(executor));
    }

    @Override
    public IoRegistration register(IoHandle handle) throws Exception {
        IoRegistration registration = handler.register(handle);
        return new IoRegistration() {
            @Override
            @SuppressWarnings("TypeParameterUnusedInFormals") // as Netty declares it
            public <T> T attachment() {
                return registration.attachment();
            }

            @Override
            public long submit(IoOps ops) {
                return registration.submit(ops.equals(EpollIoOps.NONE) ? EpollIoOps.EPOLLERR : ops);
            }

            @Override
            public boolean isValid() {
                return registration.isValid();
            }

            @Override
            public boolean cancel() {
                return registration.cancel();
            }
        };
    }

    @Override
    public void initialize() {
        handler.initialize();
    }

    @Override
    public int run(IoHandlerContext context) {
        return handler.run(context);
    }

    @Override
    public void prepareToDestroy() {
        handler.prepareToDestroy();
    }

    @Override
    public void destroy() {
        handler.destroy();
    }

    @Override
    public void wakeup() {
        handler.wakeup();
    }

    @Override
    public boolean isCompatible(Class<? extends IoHandle> handleType) {
        return handler.isCompatible(handleType);
    }
}
