/* The other controllers of a cluster: a connection to each.
 *
 * Of two controllers the one whose address is the lesser text dials, from that
 * address.  Both say at first who they are, and in which version of this
 * protocol; then each says by heartbeats what it knows, and may ask the other
 * something, which is answered once.  A connection from elsewhere than a
 * peer's address is closed; with TLS both must show certificates.
 *
 *   DIALLING, or awaited --hello--> UP --closed, or silent--> DIALLING ... */
#ifndef PEERS_H
#define PEERS_H 1

#include "controller/decide/lead.h"

struct event_base;
struct peers;
struct tls;

#define PEERS_DEAD_MS 2000      /* So long a peer that is UP may be silent. */

struct peers_options {
    const char *name;           /* Ours; copied, as the others. */
    const char *address;        /* "192.0.2.1:6650" */
    char *const *addresses;     /* Of the others. */
    size_t n;
    struct tls *tls;            /* Borrowed; NULL: none. */
};

/* 'peer' counts as options.addresses does. */
struct peers_handler {
    void (*up)(void *aux, size_t peer, const char *name);
    /* 'clock_ms' is the peer's Unix time. */
    void (*beat)(void *aux, size_t peer, const struct lead_beat *,
                 int64_t clock_ms);
    /* What was asked of it has been answered with nothing before. */
    void (*down)(void *aux, size_t peer, const char *why);
    /* It asks; peers_answer() is owed to it.  'text' is borrowed. */
    void (*request)(void *aux, size_t peer, uint32_t number,
                    const uint8_t *text, size_t len);
};

/* NULL: it has gone. */
typedef void peers_answer_cb(void *aux, const uint8_t *text, size_t len);

/* Begins to listen and to dial.  Returns new, or NULL and '*errp', new. */
struct peers *peers_create(struct event_base *, const struct peers_options *,
                           const struct peers_handler *, void *aux,
                           char **errp);
void peers_destroy(struct peers *);     /* Tells nobody.  NULL is fine. */
/* For connections from now on. */
void peers_set_tls(struct peers *, struct tls *);

/* To all that are UP. */
void peers_send_beat(struct peers *, const struct lead_beat *,
                     int64_t clock_ms);
/* Returns false, and 'done' is not called, if the peer is not UP or has been
 * asked PEERS_MAX_ASKED things. */
#define PEERS_MAX_ASKED 64
bool peers_ask(struct peers *, size_t peer, const void *text, size_t len,
               peers_answer_cb *done, void *aux);
/* Whatever was asked is answered with nothing. */
void peers_finish(struct peers *);
/* A peer that has gone is not told. */
void peers_answer(struct peers *, size_t peer, uint32_t number,
                  const void *text, size_t len);

/* The name is "" until it has been said; why it is not UP, or NULL. */
const char *peers_name(const struct peers *, size_t peer);
const char *peers_problem(const struct peers *, size_t peer);

#endif /* controller/cluster/peers.h */
