/* An OVSDB server for tests, in the same event loop: as good or as bad as the
 * test wants it. */
#ifndef FAKE_OVSDB_H
#define FAKE_OVSDB_H 1

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <jansson.h>

#include "controller/ovsdb/ovsdb_frame.h"

struct fake_ovsdb {
    char target[64];            /* "tcp:127.0.0.1:PORT". */
    bool manual;                /* Answers nothing by itself. */
    bool mute;                  /* Hears, and answers nothing. */
    bool connected, leads;      /* What it says of itself. */
    int index;
    const char *schema;         /* JSON. */
    char *rows;                 /* Of "rows"' answer: JSON; owned. */
    const char *txn;            /* That these are the state after. */
    bool found;                 /* They are what has changed since. */
    char since[40];             /* What the client had, when it asked. */
    /* A "transact" has come; what it returns (taken) is the answer's result,
     * NULL: none yet.  NULL: each operation gives {}. */
    json_t *(*transact)(void *aux, const json_t *params);
    void *aux;
    json_t *heard;              /* Every message, in order. */
    size_t n_accepted;

    struct event_base *base;
    struct evconnlistener *listener;
    struct event *readable, *writable;  /* NULL: nobody is connected. */
    struct fh_buf tx;           /* Waits to be sent. */
    int fd;                     /* Likewise -1. */
    struct ovsdb_frame frame;
};

struct fake_ovsdb *fake_ovsdb_create(struct event_base *, const char *schema);
void fake_ovsdb_destroy(struct fake_ovsdb *);
/* Nobody can connect any more. */
void fake_ovsdb_stop_listening(struct fake_ovsdb *);
/* Sends what printf() would print. */
void fake_ovsdb_say(struct fake_ovsdb *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes 'message'. */
void fake_ovsdb_send(struct fake_ovsdb *, json_t *message);
void fake_ovsdb_cut(struct fake_ovsdb *);
/* The first message of 'method' from number 'from' on, or NULL.  Borrowed. */
json_t *fake_ovsdb_heard(const struct fake_ovsdb *, const char *method,
                         size_t from);

#endif /* tests/unit/fake_ovsdb.h */
