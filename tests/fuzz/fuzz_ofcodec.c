/* flows/ofcodec with hostile bytes: the first byte of the input is the
 * negotiated version (0 before the hello), the rest what the peer sends.  A
 * flow that we read must survive being sent. */
#include <config.h>

#include "flows/ofcodec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sends a flow as it was read. */
static void
send_back(const struct fh_flow *flow, int version)
{
    struct fh_change change = { FH_CHANGE_DELETE, *flow };
    struct fh_buf buf = { 0 };

    ofcodec_put_change(&buf, version, 1, &change);
    if (flow->n_actions <= FH_FLOW_MAX_ACTIONS) {
        change.op = FH_CHANGE_ADD;
        ofcodec_put_bundle_change(&buf, version, 1, 2, &change);
    }
    for (size_t ofs = 0; ofs < buf.len; ) {
        int length = ofcodec_frame(buf.data + ofs, buf.len - ofs);

        if (length <= 0 || length > buf.len - ofs) {
            abort();
        }
        ofs += length;
    }
    fh_buf_destroy(&buf);
}

static void
use(const struct of_message *msg, int version)
{
    volatile uint8_t sum = 0;
    volatile uint64_t drops = 0;

    if (msg->type == OF_PACKET_IN) {
        for (size_t i = 0; i < msg->packet_in.len; i++) {
            sum = (uint8_t) (sum + msg->packet_in.frame[i]);
        }
    } else if (msg->type == OF_ECHO_REQUEST) {
        for (size_t i = 0; i < msg->echo.len; i++) {
            sum = (uint8_t) (sum + msg->echo.data[i]);
        }
    } else if (msg->type == OF_METER_STATS_REPLY) {
        for (size_t i = 0; i < msg->meter_stats.n; i++) {
            drops += msg->meter_stats.meters[i].packets;
        }
    } else if (msg->type == OF_METER_CONFIG_REPLY) {
        for (size_t i = 0; i < msg->meter_config.n; i++) {
            drops += msg->meter_config.meters[i].rate_pps;
        }
    } else if (msg->type == OF_FLOW_STATS_REPLY) {
        for (size_t i = 0; i < msg->flow_stats.n; i++) {
            send_back(&msg->flow_stats.flows[i], version);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int version;

    if (!size) {
        return 0;
    }
    version = data[0] % 4 ? OF_13 - 1 + data[0] % 4 : 0;
    data++;
    size--;
    for (;;) {
        int length = ofcodec_frame(data, size);
        struct of_message msg;
        const char *why = NULL;
        uint8_t *copy;

        if (length <= 0 || length > size) {
            return 0;
        }
        copy = fh_xmemdup(data, length);    /* Ends where its memory ends. */
        if (!ofcodec_decode(copy, length, version, &msg, &why)) {
            use(&msg, version);
            of_message_uninit(&msg);
        } else if (!why) {
            abort();
        }
        free(copy);
        data += length;
        size -= length;
    }
}
