/* Who asks most.  See talkers.h. */
#include <config.h>

#include "controller/decide/talkers.h"

#include <string.h>

/* As a number: this is compared for each question that comes in. */
static uint64_t
to_number(struct eth_addr mac, uint16_t vid)
{
    uint64_t number = 0;

    memcpy(&number, &mac, sizeof mac);
    memcpy((char *) &number + sizeof mac, &vid, sizeof vid);
    return number;
}

/* It is none of those that are counted. */
static uint32_t
note_other(struct talkers *t, uint64_t host, uint32_t weight)
{
    for (int i = 0; i < TALKERS_MOST; i++) {
        if (!t->n[i]) {
            t->hosts[i] = host;
            return t->n[i] = weight;
        }
    }
    for (int i = 0; i < TALKERS_MOST; i++) {
        t->n[i] -= t->n[i] < weight ? t->n[i] : weight;
    }
    return 0;
}

uint32_t
talkers_note(struct talkers *t, struct eth_addr mac, uint16_t vid,
             uint32_t weight)
{
    const uint64_t host = to_number(mac, vid);

    for (int i = 0; i < TALKERS_MOST; i++) {
        if (t->hosts[i] == host && t->n[i]) {
            return t->n[i] += weight;
        }
    }
    return note_other(t, host, weight);
}

bool
talkers_may(uint32_t n, uint64_t pps)
{
    return n <= TALKERS_LEAST || n <= pps / 2;
}
