/* The real engine between fakes: events in, and what comes out as text.
 *
 * Two routers A and B serve segment "metro" (10.0.0.0/24, gateway .1, local
 * addresses .2 and .3), each by access port 1 and uplink port 9.  A bridge does
 * what it is told at once, and time is what the test says.  Nothing is faked
 * at link time: the engine has no other door. */
#ifndef RIG_H
#define RIG_H 1

#include "controller/engine/engine.h"

#define RIG_ACCESS 1            /* Numbers of ports. */
#define RIG_OTHER_ACCESS 2
#define RIG_UPLINK 9

struct rig;

/* The configuration, or with 'segment' of keys to be merged into the segment
 * (JSON text; NULL: none; "clients" and "without", a router, are the whole's).
 * There are no beacons unless it says so.  Bridges are not connected yet. */
struct rig *rig_create(const char *segment);
/* The same with both bridges connected, and what has come out forgotten. */
struct rig *rig_create_connected(const char *segment);
void rig_destroy(struct rig *);
/* Fails if an invariant of the engine is broken. */
void rig_audit(struct rig *);
/* Both. */
void rig_end(struct rig *);
struct engine *rig_engine(struct rig *);
/* Applies that configuration; "{}" is the first one. */
void rig_reload(struct rig *, const char *segment);
/* The daemon ends and starts: bridges and what is kept stay. */
void rig_restart(struct rig *);
/* From now on nothing is kept, with that errno, or 0: it is. */
void rig_fail_to_keep(struct rig *, int error);

/* From now on the core is told later: when rig_tell_core() says so of the
 * client, of that decision. */
void rig_hold_core(struct rig *);
void rig_tell_core(struct rig *, const char *address, uint32_t decision);

/* Bridges, by the names of their routers. */
void rig_connect(struct rig *, const char *name);
void rig_disconnect(struct rig *, const char *name);
void rig_set_port_up(struct rig *, const char *name, uint32_t port, bool up);
/* From now on what it is told is not confirmed; or it is, all of it. */
void rig_hold(struct rig *, const char *name, bool);
/* It dies, and its connection hangs: nothing passes any more. */
void rig_kill(struct rig *, const char *name);
/* One of its meters is not what it was set to, whenever it is asked. */
void rig_meddle(struct rig *, const char *name);
/* The next hop does not answer it any more. */
void rig_silence_core(struct rig *, const char *name);
/* How many flows it holds that name the client. */
size_t rig_held(struct rig *, const char *name, const char *address);
size_t rig_count_flows(struct rig *, const char *name);
/* Does it hold one that reads so, fh_flow_format(), in part? */
bool rig_holds(struct rig *, const char *name, const char *text);

/* Frames come in.  Zero addresses and MACs are "0.0.0.0" and NULL. */
struct rig_arp {
    const char *router;
    uint32_t port;
    bool reply, to_all;
    const char *sha, *spa, *tha, *tpa;
};
void rig_arp(struct rig *, const struct rig_arp *);
void rig_frame(struct rig *, const char *router, uint32_t port,
               uint64_t metadata, const uint8_t *frame, size_t len);
/* The host asks for the gateway by the access port of the router. */
void rig_ask(struct rig *, const char *router, const char *address,
             const char *mac);

/* What a removed flow says: its counts, in packets of 100 bytes. */
void rig_removed(struct rig *, const char *router, const struct fh_flow *,
                 uint64_t n_packets);

/* One of those that it holds and that read so in part, see rig_holds(); and
 * that has had its time. */
struct fh_flow rig_flow(struct rig *, const char *router, const char *text);
void rig_expire(struct rig *, const char *router, const char *text,
                uint64_t n_packets);

/* A host that answers what is sent to it by the access ports of all routers,
 * until it is silent to one (NULL: to all). */
void rig_add_host(struct rig *, const char *address, const char *mac);
/* From now on each takes that long. */
void rig_slow_hosts(struct rig *, int64_t ms);
void rig_silence_host(struct rig *, const char *address, const char *router);

/* The host asks by A, which serves it soon; what comes out is forgotten. */
void rig_serve(struct rig *, const char *address, const char *mac);

/* Lets time pass, with all that is due in it. */
void rig_run(struct rig *, int64_t ms);

/* What has come out since the last call, a line each: "A arp 1 10.0.0.2 is-at
 * ... to ...", "A adds 10.0.0.10", "route 10.0.0.10 by A", "event ...".  Valid
 * until the next call.  Probes and meters are left out. */
const char *rig_said(struct rig *);

struct client *rig_client(struct rig *, const char *address);
/* The router that serves it, "-" for none. */
const char *rig_active(struct rig *, const char *address);
uint64_t rig_dropped(struct rig *, enum drop);

#endif /* tests/unit/rig.h */
