/* Who asks most.  See talkers.h. */
#include <config.h>

#include "controller/decide/talkers.h"

#include <string.h>

uint32_t
talkers_note(struct talkers *t, struct eth_addr mac, int64_t now_ms)
{
    int free_slot = -1;

    if (t->window != now_ms / TALKERS_WINDOW_MS) {
        memset(t, 0, sizeof *t);
        t->window = now_ms / TALKERS_WINDOW_MS;
    }
    for (int i = 0; i < TALKERS_MOST; i++) {
        if (!t->slots[i].n) {
            free_slot = i;
        } else if (fh_mac_equal(t->slots[i].mac, mac)) {
            return ++t->slots[i].n;
        }
    }
    if (free_slot >= 0) {
        t->slots[free_slot].mac = mac;
        return t->slots[free_slot].n = 1;
    }
    for (int i = 0; i < TALKERS_MOST; i++) {
        t->slots[i].n--;
    }
    return 0;
}

bool
talkers_may(uint32_t n, uint64_t pps)
{
    return n <= TALKERS_LEAST || n <= pps / 2;
}
