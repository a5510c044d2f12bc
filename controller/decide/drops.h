/* What a meter drops, told from its count as it is read now and then.  Pure.
 *
 * The count is the bridge's: it goes on while we are away, and begins again
 * when the meter is set anew. */
#ifndef DROPS_H
#define DROPS_H 1

#include <stdbool.h>
#include <stdint.h>

struct drops {
    uint64_t total;             /* Packets, since the daemon started. */
    uint64_t last;              /* The count when it was last read. */
    int64_t grown_us;           /* When it was last found to have grown;
                                 * monotonic, 0: never. */
    bool known;                 /* It has been read on this connection. */
};

/* The bridge says 'count'.  The first time it does, nothing is known of when
 * those were dropped, and nothing is concluded. */
void drops_read(struct drops *, uint64_t count, int64_t now_us);

/* The bridge has gone. */
void drops_forget(struct drops *);

#endif /* controller/decide/drops.h */
