/* What a client has sent and was sent.  See usage.h. */
#include <config.h>

#include "controller/decide/usage.h"

#include <stddef.h>

static uint64_t
sum_up(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void
usage_add(struct usage_count *sum, struct usage_count count)
{
    sum->packets = sum_up(sum->packets, count.packets);
    sum->bytes = sum_up(sum->bytes, count.bytes);
}

/* Serial number arithmetic, RFC 1982. */
static bool
is_later(uint32_t a, uint32_t b)
{
    return (int32_t) (a - b) > 0;
}

/* Makes room for flows that were not told of before, at their place.  NULL:
 * they are older than all that is kept. */
static struct usage_source *
add_source(struct usage *u, uint64_t dpid, uint32_t decision)
{
    size_t i = 0;

    while (i < USAGE_N_SOURCES && u->sources[i].known
           && is_later(u->sources[i].decision, decision)) {
        i++;
    }
    if (i == USAGE_N_SOURCES) {
        return NULL;
    }
    for (size_t j = USAGE_N_SOURCES - 1; j > i; j--) {
        u->sources[j] = u->sources[j - 1];
    }
    u->sources[i] = (struct usage_source) {
        .dpid = dpid, .decision = decision, .known = true
    };
    return &u->sources[i];
}

static struct usage_source *
find_source(struct usage *u, uint64_t dpid, uint32_t decision)
{
    for (size_t i = 0; i < USAGE_N_SOURCES; i++) {
        struct usage_source *s = &u->sources[i];

        if (s->known && s->dpid == dpid && s->decision == decision) {
            return s;
        }
    }
    return add_source(u, dpid, decision);
}

/* One that has fallen is of a flow that was installed anew. */
static uint64_t
grown(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

/* Not every bridge has every count: OpenFlow 1.4, 7.3.5.2, says so by all
 * ones.  No true one comes near half of that. */
static uint64_t
told(uint64_t count)
{
    return count > INT64_MAX ? 0 : count;
}

static struct usage_count
count(struct usage *u, struct usage_source *s, enum usage_direction direction,
      struct usage_count now)
{
    struct usage_count *seen = &s->seen[direction];
    struct usage_count new;

    now.packets = told(now.packets);
    now.bytes = told(now.bytes);
    /* The two fall together. */
    if (now.packets < seen->packets) {
        *seen = (struct usage_count) { 0, 0 };
    }
    new.packets = grown(now.packets, seen->packets);
    new.bytes = grown(now.bytes, seen->bytes);
    *seen = now;
    usage_add(&u->total[direction], new);
    return new;
}

struct usage_count
usage_read(struct usage *u, uint64_t dpid, uint32_t decision,
           enum usage_direction direction, struct usage_count now)
{
    struct usage_source *s = find_source(u, dpid, decision);

    return s ? count(u, s, direction, now) : (struct usage_count) { 0, 0 };
}

struct usage_count
usage_removed(struct usage *u, uint64_t dpid, uint32_t decision,
              enum usage_direction direction, struct usage_count now)
{
    struct usage_source *s = find_source(u, dpid, decision);
    struct usage_count new = { 0, 0 };

    if (s) {
        new = count(u, s, direction, now);
        s->seen[direction] = (struct usage_count) { 0, 0 };
    }
    return new;
}
