/* What is to be done by the daemon: a queue of acts, see engine.h. */
#ifndef ENGINE_ACT_H
#define ENGINE_ACT_H 1

#include "controller/engine/engine_private.h"

void act_put(struct engine *, const struct engine_act *);
/* One that needs nothing, or only the out-box. */
void act_put_box(struct engine *, enum engine_act_type, struct outbox *);

#endif /* controller/engine/act.h */
