/* Hosts that do not speak are searched for: every address of a segment that is
 * not known is asked by ARP, at a pace that no network feels.
 *
 * On an operator's wish, and after a start that finds that a bridge has lost
 * its clients.  ("sweep" in the API; sweep.h is about clients.) */
#ifndef SEARCH_H
#define SEARCH_H 1

#include "controller/engine/engine_private.h"

void search_init(struct engine *);
/* Begins, within 'prefix' (NULL: all of the segment).  Returns NULL, or what
 * stands in the way, new. */
char *search_begin(struct engine *, struct segment *,
                   const struct fh_prefix *prefix);
/* The router held clients before the start and has lost them: searches the
 * segments on which whoever speaks is learnt. */
void search_lost(struct engine *, const struct router *);
/* Was 'member' of the segment told to ask for that address just now?  The
 * answer counts as one. */
bool search_answered(struct engine *, const struct segment *, size_t member,
                     struct fh_addr);
/* Segments have come and gone: searches of those that have end. */
void search_follow(struct engine *);
void search_destroy(struct engine *);

#endif /* controller/engine/search.h */
