/* Does the engine's state hold together?  For tests: chaos asks after every
 * step. */
#ifndef AUDIT_H
#define AUDIT_H 1

#include "controller/engine/engine_private.h"

/* Returns NULL, or the first invariant that is broken and by whom, new. */
char *audit_run(const struct engine *);

#endif /* controller/engine/audit.h */
