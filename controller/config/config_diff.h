/* What one configuration has that another has not.  Pure. */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H 1

#include <jansson.h>

/* Returns the first 'max' changes that lead from 'from' to 'to', new, in the
 * manner of RFC 6902: [{"op": "add" | "remove" | "replace", "path", "from"?,
 * "value"?}], and sets '*n' to how many there are.  A client is the same by
 * its address and segment, wherever it stands; other arrays are compared as a
 * whole. */
json_t *config_diff(json_t *from, json_t *to, size_t max, size_t *n);

#endif /* controller/config/config_diff.h */
