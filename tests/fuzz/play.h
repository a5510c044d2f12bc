/* A real controller between two bridges that are text, for fuzz targets: made
 * anew for each input, without a disk. */
#ifndef PLAY_H
#define PLAY_H 1

#include "tests/fuzz/bytes.h"
#include "tests/transcripts/world.h"

/* Bridges A and B, connected and read; three hosts, C, D and E. */
void play_begin(void);
/* All is well again, and time passes: what may not be wrong for long must be
 * right.  Then the world ends. */
void play_end(void);

/* A configuration that the input draws: routers, segments, addresses, what
 * the options are.  Returns new, or NULL if it is not valid. */
struct config *play_config(struct bytes *);
void play_reload(struct bytes *);
/* Something happens, as the input says. */
void play_act(struct bytes *);

#endif /* tests/fuzz/play.h */
