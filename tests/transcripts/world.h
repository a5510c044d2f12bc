/* The world around a real controller: a virtual clock, bridges at the far end
 * of controller/bridge/ofconn.h, hosts behind them and a core.
 *
 * The controller is linked as it is, but for its sockets: this file's .c
 * stands in for ofconn.c and ofserver.c and plays the bridges' part in
 * OpenFlow 1.4.  What the bridges are told is said in lines of text.
 *
 * There is one world at a time: the functions of ofconn.h have no room for
 * more. */
#ifndef WORLD_H
#define WORLD_H 1

#include <stdarg.h>

#include "controller/daemon/firsthop.h"
#include "flows/arp.h"

#define WORLD_MAX_BRIDGES 4
#define WORLD_MAX_HOSTS 128
#define WORLD_MAX_PORTS 4       /* Access ports of a bridge: 1, 2, ... */
#define WORLD_UPLINK_PORT 10

/* Called with each line of what happens; not kept.  Without it (NULL) nothing
 * is said, and nothing kept on disk. */
typedef void world_say_cb(const char *line, void *aux);

void world_create(world_say_cb *, void *aux);
void world_destroy(void);
void world_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The clock, in ms since the start of the world. */
int64_t world_now_ms(void);
/* Lets time pass, ms by ms, and everything happen that is due. */
void world_run_to(int64_t ms);
/* When something will happen next by itself: a message arrives, or the
 * controller has something to do. */
int64_t world_next_ms(void);
/* Lets everything happen that is due now. */
void world_settle(void);
/* Lets time pass at once: what was due in between happens late. */
void world_leap_to(int64_t ms);

/* The controller.  Bridges keep their flows when it stops. */
void world_start(struct config *);
void world_stop(void);
struct engine *world_engine(void);
/* Routes that the BGP speaker is to have. */
size_t world_n_bgp_routes(void);

/* What bridges do.  Unknown names end the program with a message. */
struct bridge;
struct bridge *world_bridge(const char *name);
void bridge_connect(struct bridge *);
void bridge_disconnect(struct bridge *);
void bridge_set_port_up(struct bridge *, const char *port, bool up);
/* Takes the port away and adds it anew, under another number. */
void bridge_renumber_port(struct bridge *, const char *port, uint32_t number);
/* Withholds what confirms changes of flows; then lets it go. */
void bridge_hold(struct bridge *, bool hold);
/* Somebody else deletes all its flows, and it says so. */
void bridge_wipe(struct bridge *);
/* Refuses every bundle. */
void bridge_refuse(struct bridge *, bool refuse);
/* Refuses to list its flows. */
void bridge_hide_flows(struct bridge *, bool hide);
/* Does not answer echo requests, though it forwards. */
void bridge_stall(struct bridge *, bool stall);
/* Its power goes: it says and does nothing any more, and its connection stays
 * open; or it comes back. */
void bridge_power(struct bridge *, bool on);
/* Does the network between two bridges carry anything? */
void world_set_path(struct bridge *, struct bridge *, bool core, bool works);
bool world_path_works(const struct bridge *, const struct bridge *,
                      bool core);
/* Does not tell what its meters drop. */
void bridge_hide_meters(struct bridge *, bool hide);
/* Has no meter for all punts. */
void bridge_refuse_punt_meter(struct bridge *);
/* The meter of the replies by 'port' (0: of all punts) is flooded: nothing
 * gets through it any more. */
void bridge_flood(struct bridge *, uint32_t port, bool flood);
/* The access port by which it has a client, 0 if it does not hold it. */
uint32_t bridge_holds(const struct bridge *, struct fh_addr);
bool bridge_is_connected(const struct bridge *);
/* Says which client flows it holds. */
void bridge_say_flows(const struct bridge *);
/* Says how many messages it was sent since it was asked last, frames and echo
 * requests apart: those that change it, or ask. */
void bridge_say_messages(struct bridge *);
/* Says how many probes it has sent since it was asked last. */
void bridge_say_probes(struct bridge *);

/* Hosts.  'place' is where bridge 'name' hears it: "A:1". */
struct host;
struct host *world_add_host(const char *name, const char *addr,
                            const char *mac);
struct host *world_host(const char *name);
void host_set_vlan(struct host *, const struct fh_vlan *);
void host_set_mac(struct host *, const char *mac);
void host_place(struct host *, struct bridge *, uint32_t port); /* 0: cut. */
/* What a host answers: everything, only probes, every second request, nothing,
 * everything after 0.9 s, what comes in every other second, or one in four
 * requests, as it happens. */
enum host_mood { HOST_ANSWERS, HOST_IGNORES_NOTICES, HOST_LAZY, HOST_SILENT,
                 HOST_SLOW, HOST_DOZES, HOST_BUSY };
void host_set_mood(struct host *, enum host_mood);
/* How many requests it has been sent. */
uint32_t host_n_asked(const struct host *);
/* Broadcasts an ARP request, heard by all bridges that it has a place at. */
void host_ask(struct host *, const char *target);
void host_announce(struct host *);
void host_probe_address(struct host *);

/* Somebody says 'arp' to 'dst' behind access port or uplink 'port', in a frame
 * from 'src' under 'vlan' (one tag of VID 0: a priority tag). */
void world_say_arp(struct bridge *, uint32_t port, struct eth_addr dst,
                   struct eth_addr src, const struct fh_vlan *,
                   const struct arp *);

/* Somebody sends an IPv4 packet from 'mac' and 'addr' to the router's MAC by
 * access port 'port', where no flow lets it pass. */
void world_say_ip(struct bridge *, uint32_t port, struct eth_addr mac,
                  struct fh_addr addr);

/* The bridge says that, a message as a whole, if it is connected and can be
 * understood. */
void bridge_say(struct bridge *, const void *msg, size_t len);

/* The core's next hop, as that bridge has it; all, where it is NULL. */
void world_core_answers(struct bridge *, bool);

/* What to say besides: nothing of the regular course of things otherwise. */
void world_show_probes(bool);
void world_show_core(bool);     /* Requests for the next hop. */

#endif /* tests/transcripts/world.h */
