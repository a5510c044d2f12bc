/* Who of those behind a port asks most?  Pure.
 *
 * A port has an allowance of questions a second.  One host that asks without
 * end would use it up, and whoever else is behind the port would be answered
 * by chance.  So the questions of each MAC address are counted, second by
 * second, and one that takes more than half of the allowance is to be kept
 * from asking for a while.  Under each first tag by itself: switches keep
 * VLANs apart, and who forges the MAC of somebody in another is not him.
 *
 * There is room for few; somebody who forges many addresses pushes none of
 * those out that ask most (Misra and Gries, 1982): a count may be too low by
 * a ninth of all.  Of a port that is asked much, one question in
 * TALKERS_SAMPLE is counted, for as many; but for that no count is too high. */
#ifndef TALKERS_H
#define TALKERS_H 1

#include <stdint.h>

#include <firsthop/types.h>

#define TALKERS_WINDOW_MS 1000
#define TALKERS_MOST      8
/* Nobody is kept from asking for fewer in a second. */
#define TALKERS_LEAST     100
/* The first so many of a second are all counted. */
#define TALKERS_ALL       256
#define TALKERS_SAMPLE    8

/* All zero: nobody has asked. */
struct talkers {
    uint64_t hosts[TALKERS_MOST];       /* MAC and first tag. */
    uint32_t n[TALKERS_MOST];   /* Of each; 0: free. */
    uint32_t total;             /* Questions in this second. */
    int64_t until_ms;           /* When it ends; monotonic. */
};

/* Somebody asks.  Returns as how many times this is to be noted; 0: not at
 * all. */
static inline uint32_t
talkers_weight(struct talkers *t, int64_t now_ms)
{
    if (now_ms >= t->until_ms) {
        *t = (struct talkers) {
            .until_ms = now_ms - now_ms % TALKERS_WINDOW_MS + TALKERS_WINDOW_MS
        };
    }
    return (++t->total <= TALKERS_ALL ? 1
            : t->total % TALKERS_SAMPLE ? 0 : TALKERS_SAMPLE);
}

/* 'mac' has asked 'weight' times, under the first tag 'vid' (any number that
 * says none).  Returns how often in this second, or 0: not known. */
uint32_t talkers_note(struct talkers *, struct eth_addr mac, uint16_t vid,
                      uint32_t weight);

/* May somebody ask 'n' times in a second, where its port may 'pps' times? */
bool talkers_may(uint32_t n, uint64_t pps);

#endif /* controller/decide/talkers.h */
