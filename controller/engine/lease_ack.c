/* The acknowledgement of a lease waits.  See lease_ack.h. */
#include <config.h>

#include "controller/engine/lease_ack.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/engine_private.h"
#include "controller/engine/router_send.h"

void
lease_ack_keep(struct client *c, const struct lease_ack *ack)
{
    struct client_lease *lease = c->lease;

    free(lease->ack);
    lease->ack = fh_xmemdup(ack->frame, ack->len);
    lease->ack_len = ack->len;
    lease->ack_member = (int8_t) ack->member;
    lease->ack_port = ack->port;
}

void
lease_ack_send(struct client *c)
{
    struct client_lease *lease = c->lease;

    if (lease && lease->ack) {
        router_send(member_router(c, lease->ack_member), lease->ack_port,
                    lease->ack, lease->ack_len);
        lease_ack_drop(c);
    }
}

void
lease_ack_drop(struct client *c)
{
    free(c->lease->ack);
    c->lease->ack = NULL;
}
