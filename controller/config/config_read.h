/* Reading a configuration, section by section: each takes its part of the
 * object that it is given, reports what is wrong, and leaves what could not be
 * read zero.
 *
 * Private to config*.c. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H 1

#include "controller/config/config_ask.h"

#include <netinet/in.h>

/* config_keys.c: what each object may hold. */

#define MAX_STRING 1023         /* Of paths; all else is far shorter. */
#define MAX_UNIX_PATH 107       /* sizeof sockaddr_un.sun_path - 1. */
#define MAX_COMMON_NAME 64      /* X.520: ub-common-name */
#define DAY_MS (24 * 3600 * 1000)

extern const struct config_key config_root_keys[];
extern const struct config_key config_tls_keys[];
extern const struct config_key config_cluster_keys[];
extern const struct config_key config_openflow_keys[];
extern const struct config_key config_router_keys[];
extern const struct config_key config_uplink_keys[];
extern const struct config_key config_own_uplink_keys[];
extern const struct config_key config_watch_keys[];
extern const struct config_key config_core_keys[];
extern const struct config_key config_segment_keys[];
extern const struct config_key config_member_keys[];
extern const struct config_key config_probe_keys[];
extern const struct config_key config_beacon_keys[];
extern const struct config_key config_election_keys[];
extern const struct config_key config_limits_keys[];
extern const struct config_key config_segment_bgp_keys[];
extern const struct config_key config_dhcp_keys[];
extern const struct config_key config_client_keys[];
extern const struct config_key config_api_client_keys[];
extern const struct config_key config_api_keys[];
extern const struct config_key config_bgp_keys[];
extern const struct config_key config_kernel_keys[];

/* config_value.c: the value of 'key'.  Where it is missing or bad, which is
 * then reported, '*out' stays as it was, and a string is NULL; strings are
 * new. */

void config_read_host_at(const char *text, const char *pointer,
                         struct config_errors *errors, struct fh_addr *out);
void config_read_host(const struct ask *ask, const char *key,
                      struct fh_addr *out);
bool config_read_mac(const struct ask *ask, const char *key,
                     struct eth_addr *out);
void config_read_dpid(const struct ask *ask, uint64_t *out);

/* NULL, or what is wrong with a port's name. */
const char *config_port_name_error(const char *name);

char *config_read_port(const struct ask *ask, const char *key);

/* Up to two tags, outermost first.  '*out' stays if there are none, and gets
 * CONFIG_VLAN_UNKNOWN if one is bad. */
void config_read_vlan(const struct ask *ask, struct fh_vlan *out);

/* Splits "ADDR:PORT" or "[V6]:PORT".  Returns true, and the address's text
 * in 'addr', if both have the right form. */
bool config_parse_endpoint(const char *text, char addr[INET6_ADDRSTRLEN],
                           int *family);

/* Is this the form of an OpenFlow target?  NULL, or what is wrong. */
const char *config_target_error(const char *target);

char *config_read_target(const struct ask *ask, const char *key);

/* Whose certificate a bridge must show, or NULL.  'connect' may be NULL. */
char *config_read_common_name(const struct ask *ask, const char *connect);

char *config_read_path(const struct ask *ask, const char *key);

/* Reads an array of distinct strings, each of which 'check' likes, into
 * '*strings' and '*n'. */
void config_read_strings(const struct ask *ask, const char *key,
                         const char *(*check)(const char *), char ***strings,
                         size_t *n);

/* Frees the array, too. */
void config_free_strings(char **strings, size_t n);

/* A name that is a key: reports at 'pointer' what is wrong with it. */
void config_check_name(const char *name, const char *pointer,
                       struct config_errors *errors);

/* A child object of 'ask'. */
void ask_begin_child(struct ask *child, const struct ask *ask, const char *key,
                     const struct config_key *keys);

/* config_router.c */

/* Reads what is given into '*uplink'. */
void config_read_uplink(const struct ask *ask, struct config_uplink *uplink);

void config_read_routers(const struct ask *root, struct config *config);
void config_read_cores(const struct ask *root, struct config *config);
void config_destroy_router(struct config_router *router);
void config_destroy_core(struct config_core *core);

/* config_segment.c */

/* The routers come first. */
void config_read_segments(const struct ask *root, struct config *config);
void config_destroy_segment(struct config_segment *segment);

/* config_client.c */

/* In the order of the text; the segments come first. */
void config_read_clients(const struct ask *root, struct config *config);
/* For qsort(): by address, then segment. */
int config_compare_clients(const void *a_, const void *b_);

/* config_cluster.c */
void config_read_tls(const struct ask *parent, struct config_tls *);
void config_read_cluster(const struct ask *root, struct config *);
void config_destroy_cluster(struct config *);

#endif /* controller/config/config_read.h */
