/* From one configuration to the next, by the way of a restart: what runs is
 * built anew, takes over connections and what is known of the clients, and
 * then reads the bridges and changes only what is wrong (adopt.c). */
#ifndef RELOAD_H
#define RELOAD_H 1

#include "controller/engine/engine_private.h"

/* Puts 'config' (taken) in force.  Returns NULL, or what could not be done
 * besides (a listener), new; all else is in force then. */
char *reload(struct engine *, struct config *config);

#endif /* controller/engine/reload.h */
