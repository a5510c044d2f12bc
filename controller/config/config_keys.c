/* What may be asked for: the keys of each object of a configuration, their
 * types, bounds and defaults. */
#include <config.h>

#include "controller/config/config_read.h"

#define OBJECT(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_OBJECT, .min = MIN, .max = MAX }
#define ARRAY(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_ARRAY, .min = MIN, .max = MAX }
#define STRING(NAME) \
    { .name = NAME, .type = JSON_STRING, .min = 1, .max = MAX_STRING }
#define NUMBER(NAME, MIN, MAX, DEFAULT) \
    { .name = NAME, .type = JSON_INTEGER, .min = MIN, .max = MAX, \
      .dflt = DEFAULT }
#define BOOLEAN(NAME, DEFAULT) \
    { .name = NAME, .type = JSON_TRUE, .dflt = DEFAULT }
/* JSON_FALSE stands for "a boolean, or one of some words". */
#define BOOLEAN_OR_WORD(NAME, DEFAULT) \
    { .name = NAME, .type = JSON_FALSE, .dflt = DEFAULT }
#define REQUIRED_OBJECT(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_OBJECT, .required = true, \
      .min = MIN, .max = MAX }
#define REQUIRED_ARRAY(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_ARRAY, .required = true, \
      .min = MIN, .max = MAX }
#define REQUIRED_STRING(NAME) \
    { .name = NAME, .type = JSON_STRING, .required = true, \
      .min = 1, .max = MAX_STRING }
#define REQUIRED_NUMBER(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_INTEGER, .required = true, \
      .min = MIN, .max = MAX }
#define END { .name = NULL }

const struct config_key config_root_keys[] = {
    OBJECT("openflow", 0, 0),
    OBJECT("routers", 0, CONFIG_MAX_ROUTERS),
    OBJECT("cores", 0, CONFIG_MAX_CORES),
    OBJECT("segments", 0, CONFIG_MAX_SEGMENTS),
    ARRAY("clients", 0, CONFIG_MAX_CLIENTS),
    OBJECT("api", 0, 0),
    OBJECT("bgp", 0, 0),
    OBJECT("kernel", 0, 0),
    OBJECT("tls", 0, 0),
    OBJECT("cluster", 0, 0),
    END
};

const struct config_key config_cluster_keys[] = {
    REQUIRED_STRING("name"),
    REQUIRED_STRING("address"),
    REQUIRED_ARRAY("peers", 1, CONFIG_MAX_PEERS),
    REQUIRED_STRING("database"),
    STRING("shard"),
    OBJECT("tls", 0, 0),
    END
};

const struct config_key config_tls_keys[] = {
    REQUIRED_STRING("key"),
    REQUIRED_STRING("certificate"),
    REQUIRED_STRING("ca"),
    END
};

const struct config_key config_openflow_keys[] = {
    ARRAY("listen", 0, CONFIG_MAX_LISTENS),
    NUMBER("echo_interval_ms", 10, 60000, 1000),
    NUMBER("dead_after_ms", 20, 600000, 3000),
    END
};

const struct config_key config_router_keys[] = {
    REQUIRED_STRING("datapath_id"),
    REQUIRED_STRING("mac"),
    REQUIRED_ARRAY("access_ports", 1, CONFIG_MAX_PORTS),
    REQUIRED_OBJECT("uplink", 0, 0),
    STRING("connect"),
    STRING("common_name"),
    END
};

const struct config_key config_uplink_keys[] = {
    REQUIRED_STRING("port"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    REQUIRED_STRING("address"),
    REQUIRED_STRING("next_hop"),
    NUMBER("mtu", 576, 65535, 1500),
    OBJECT("watch", 0, 0),
    END
};

/* As above; what is left out is the router's. */
const struct config_key config_own_uplink_keys[] = {
    STRING("port"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("address"),
    STRING("next_hop"),
    NUMBER("mtu", 576, 65535, 1500),
    OBJECT("watch", 0, 0),
    END
};

const struct config_key config_watch_keys[] = {
    NUMBER("interval_ms", 100, 60000, 3000),
    NUMBER("misses", 1, 100, 3),
    END
};

const struct config_key config_core_keys[] = {
    REQUIRED_STRING("datapath_id"),
    STRING("connect"),
    STRING("common_name"),
    REQUIRED_OBJECT("ports", 1, CONFIG_MAX_ROUTERS),
    END
};

const struct config_key config_segment_keys[] = {
    REQUIRED_STRING("gateway"),
    REQUIRED_ARRAY("prefixes", 1, CONFIG_MAX_PREFIXES),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    BOOLEAN_OR_WORD("learn", true),
    BOOLEAN("isolate", false),
    REQUIRED_OBJECT("routers", 1, CONFIG_MAX_MEMBERS),
    OBJECT("probe", 0, 0),
    OBJECT("beacon", 0, 0),
    OBJECT("election", 0, 0),
    OBJECT("limits", 0, 0),
    STRING("proxy_arp"),
    NUMBER("withdraw_after_ms", 0, 7 * DAY_MS, 60000),
    NUMBER("age_s", 1, 2592000, 300),
    STRING("upstream"),
    OBJECT("bgp", 0, 0),
    OBJECT("dhcp", 0, 0),
    END
};

const struct config_key config_member_keys[] = {
    NUMBER("priority", 0, 65535, 100),
    REQUIRED_STRING("address"),
    OBJECT("uplink", 0, 0),
    END
};

const struct config_key config_probe_keys[] = {
    NUMBER("interval_ms", 10, 3600000, 1000),
    NUMBER("retry_ms", 1, 3600000, 100),
    NUMBER("retries", 0, 10, 2),
    END
};

const struct config_key config_beacon_keys[] = {
    NUMBER("interval_ms", 0, 60000, 50),
    NUMBER("misses", 1, 100, 3),
    END
};

const struct config_key config_election_keys[] = {
    BOOLEAN("preempt", false),
    NUMBER("hold_down_ms", 0, DAY_MS, 10000),
    END
};

const struct config_key config_limits_keys[] = {
    NUMBER("learned", 0, 1000000, 65536),
    NUMBER("learned_per_port", 0, 1000000, 4096),
    NUMBER("requests_per_s", 1, 1000000, 1000),
    END
};

const struct config_key config_segment_bgp_keys[] = {
    STRING("community"),
    NUMBER("local_preference", 0, UINT32_MAX, 100),
    END
};

const struct config_key config_dhcp_keys[] = {
    REQUIRED_ARRAY("servers", 1, CONFIG_MAX_DHCP_SERVERS),
    BOOLEAN("lease_clients", true),
    END
};

const struct config_key config_client_keys[] = {
    REQUIRED_STRING("address"),
    REQUIRED_STRING("segment"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("mac"),
    END
};

/* As above, with the address given apart. */
const struct config_key config_api_client_keys[] = {
    REQUIRED_STRING("segment"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("mac"),
    END
};

const struct config_key config_api_keys[] = {
    REQUIRED_STRING("listen"),
    STRING("token_file"),
    BOOLEAN("read_without_token", false),
    END
};

const struct config_key config_bgp_keys[] = {
    REQUIRED_STRING("api_in"),
    REQUIRED_STRING("api_out"),
    END
};

const struct config_key config_kernel_keys[] = {
    REQUIRED_NUMBER("table", 1, UINT32_MAX),
    REQUIRED_STRING("device"),
    END
};

const struct config_object config_objects[] = {
    { "top level", config_root_keys },
    { "openflow", config_openflow_keys },
    { "router", config_router_keys },
    { "uplink", config_uplink_keys },
    { "watch", config_watch_keys },
    { "core", config_core_keys },
    { "segment", config_segment_keys },
    { "segment router", config_member_keys },
    { "probe", config_probe_keys },
    { "election", config_election_keys },
    { "limits", config_limits_keys },
    { "segment bgp", config_segment_bgp_keys },
    { "dhcp", config_dhcp_keys },
    { "client", config_client_keys },
    { "api", config_api_keys },
    { "bgp", config_bgp_keys },
    { "kernel", config_kernel_keys },
    { "tls", config_tls_keys },
    { "cluster", config_cluster_keys },
    { NULL, NULL },
};
