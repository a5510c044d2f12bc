/* Between the files of a router. */
#ifndef ROUTER_PRIVATE_H
#define ROUTER_PRIVATE_H 1

#include "controller/bridge/router.h"

/* Send what is wanted, unless the one before is still out. */
void router_send_fence(struct router *);
void router_send_reading(struct router *);

#endif /* controller/bridge/router_private.h */
