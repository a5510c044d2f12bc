/* The input of a fuzz target, taken a byte at a time: what is not there any
 * more is 0. */
#ifndef BYTES_H
#define BYTES_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    const uint8_t *p, *end;
};

/* Aborts, with assertions compiled in or not. */
static inline void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static inline uint8_t
take_byte(struct bytes *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static inline unsigned int
take_below(struct bytes *in, unsigned int n)
{
    return take_byte(in) % n;
}

/* At most 'max' bytes; a byte says how many.  '*n' is set. */
static inline const uint8_t *
take_bytes(struct bytes *in, size_t max, size_t *n)
{
    const uint8_t *p;

    *n = take_byte(in);
    *n = *n < max ? *n : max;
    *n = *n < (size_t) (in->end - in->p) ? *n : (size_t) (in->end - in->p);
    p = in->p;
    in->p += *n;
    return p;
}

#endif /* tests/fuzz/bytes.h */
