package dev.mesh.proxy.xds;

import com.google.rpc.Code;
import com.google.rpc.Status;
import dev.mesh.api.xds.XdsType;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// How a refusal is said, in both dialects.
final class Replies {
    private static final Logger LOGGER = LoggerFactory.getLogger(AdsClient.class);
    private static final int MAX_MESSAGE = 4096; // as Envoy bounds it

    private Replies() {}

    static Status refusal(XdsType type, List<String> reasons) {
        LOGGER.atError()
                .addKeyValue("type", type.shortName())
                .addKeyValue("reasons", reasons)
                .log("resources refused; the last good ones stay");
        String message = String.join("\n", reasons);
        return Status.newBuilder()
                .setCode(Code.INVALID_ARGUMENT_VALUE)
                .setMessage(message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) : message)
                .build();
    }
}
