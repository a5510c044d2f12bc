/* Bundles of an emulated bridge: messages kept until they are committed,
 * which is then all at once.  1.4 natively, 1.3 through the ONF extension.
 * Called by bridge.c. */
#include <config.h>

#include "tests/bench/loadgen.h"

static struct bundle *
find_bundle(struct bridge *b, uint32_t id, bool create)
{
    struct bundle *unused = NULL;

    for (size_t i = 0; i < BRIDGE_MAX_BUNDLES; i++) {
        struct bundle *bundle = &b->bundles[i];

        if (bundle->open && bundle->id == id) {
            return bundle;
        }
        if (!bundle->open) {
            unused = bundle;
        }
    }
    if (create && unused) {
        unused->open = true;
        unused->id = id;
        fh_buf_clear(&unused->messages);
    }
    return create ? unused : NULL;
}

static void
close_bundle(struct bundle *bundle)
{
    bundle->open = false;
    fh_buf_clear(&bundle->messages);
}

static void
commit(struct bridge *b, struct bundle *bundle)
{
    const uint8_t *p = bundle->messages.data;
    size_t left = bundle->messages.len;

    b->counters.bundles++;
    while (left) {
        size_t n = wire_get16(p + 2);

        if (p[1] == OFPT_FLOW_MOD) {
            bridge_flow_mod(b, p, n);
        }
        p += n;
        left -= n;
    }
    close_bundle(bundle);
}

void
bundle_control(struct bridge *b, const uint8_t *msg, size_t len,
               size_t prefix_len)
{
    if (len < prefix_len + 8) {
        bridge_put_error(b, msg, len, 17, 0);
        return;
    }

    uint32_t id = wire_get32(msg + prefix_len);
    uint16_t type = wire_get16(msg + prefix_len + 4);
    struct bundle *bundle = find_bundle(b, id, type == OFPBCT_OPEN_REQUEST);
    if (!bundle) {
        bridge_put_error(b, msg, len, 17, 3);      /* OFPBFC_BAD_ID */
        return;
    }
    if (type == OFPBCT_COMMIT_REQUEST) {
        commit(b, bundle);
    } else if (type == OFPBCT_DISCARD_REQUEST) {
        close_bundle(bundle);
    }

    uint8_t *p = fh_buf_put(&b->out, prefix_len + 8);
    memcpy(p, msg, prefix_len + 8);
    wire_put16(p + 2, (uint16_t) (prefix_len + 8));
    wire_put16(p + prefix_len + 4, type + 1);
    b->dirty = true;
}

void
bundle_add(struct bridge *b, const uint8_t *msg, size_t len,
           size_t prefix_len)
{
    size_t head = prefix_len + 8;
    size_t n = len >= head + OFP_HEADER_LEN ? wire_get16(msg + head + 2) : 0;
    struct bundle *bundle = NULL;

    if (n >= OFP_HEADER_LEN && n <= len - head) {
        bundle = find_bundle(b, wire_get32(msg + prefix_len), true);
    }
    if (bundle) {
        fh_buf_append(&bundle->messages, msg + head, n);
    } else {
        bridge_put_error(b, msg, len, 17, 3);
    }
}

void
bundle_experimenter(struct bridge *b, const uint8_t *msg, size_t len)
{
    uint32_t subtype = len >= 16 ? wire_get32(msg + 12) : 0;

    if (len < 16 || wire_get32(msg + 8) != ONF_EXPERIMENTER) {
        bridge_put_error(b, msg, len, 1, 3);    /* OFPBRC_BAD_EXPERIMENTER */
    } else if (subtype == ONF_BUNDLE_CONTROL) {
        bundle_control(b, msg, len, 16);
    } else if (subtype == ONF_BUNDLE_ADD_MESSAGE) {
        bundle_add(b, msg, len, 16);
    } else {
        bridge_put_error(b, msg, len, 1, 4);    /* OFPBRC_BAD_EXP_TYPE */
    }
}

void
bundle_discard_all(struct bridge *b)
{
    for (size_t i = 0; i < BRIDGE_MAX_BUNDLES; i++) {
        close_bundle(&b->bundles[i]);
    }
}

void
bundle_destroy_all(struct bridge *b)
{
    for (size_t i = 0; i < BRIDGE_MAX_BUNDLES; i++) {
        fh_buf_destroy(&b->bundles[i].messages);
    }
}
