/* What world.c (clock, OpenFlow) and hosts.c (frames) share. */
#ifndef WORLD_PRIVATE_H
#define WORLD_PRIVATE_H 1

#include "flows/arp.h"
#include "tests/bench/flowtab.h"
#include "tests/transcripts/world.h"

struct bridge {
    char name[INCIDENT_NAME_LEN];
    uint64_t dpid;
    struct of_port ports[WORLD_MAX_PORTS + 1];
    size_t n_ports;
    uint32_t uplink;            /* The number of that port. */
    struct flowtab *flows;
    struct ofconn *conn;        /* NULL: not connected. */
    struct fh_buf bundle;       /* Flow mods of the open one. */
    struct fh_buf held;         /* Replies withheld. */
    bool hold, refuse, stall, hide, hide_meters, no_punt_meter, core_silent;
    bool flooded[WORLD_UPLINK_PORT + 1];    /* By port, 0: all punts. */
    uint64_t drops[WORLD_UPLINK_PORT + 1];  /* By the meters of these. */
    unsigned int n_probes;
    unsigned int n_messages;    /* Those that change it, or ask. */
    bool dark;                  /* Without power. */
    uint8_t cut[2];             /* From which other bridges: of the access
                                 * side, of the core's. */
};

bool bridge_port_is_up(const struct bridge *, uint32_t port);
/* Delivers a frame from 'port' to the controller in 'delay_ms'. */
void bridge_punt(struct bridge *, uint32_t port, const uint8_t *frame,
                 size_t len, int delay_ms);
/* The bridge sends 'frame' by 'port'. */
void hosts_receive(struct bridge *, uint32_t port, const uint8_t *frame,
                   size_t len);
void hosts_clear(void);
/* The bridge of that number, NULL: there are no more. */
struct bridge *world_bridge_at(size_t);

#endif /* tests/transcripts/world_private.h */
