/* A frame comes in. */
#ifndef PUNT_H
#define PUNT_H 1

#include "controller/engine/engine_private.h"
#include "flows/ofcodec.h"

void punt_packet_in(struct engine *, struct router *,
                    const struct of_packet_in *);

#endif /* controller/engine/punt.h */
