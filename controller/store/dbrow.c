/* Clients, routers and the configuration as rows.  See dbrow.h. */
#include <config.h>

#include "controller/store/dbrow.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/config/config_ask.h"
#include "controller/ovsdb/ovsdb_value.h"

static const char *const origins[] = {
    [DBROW_PROVISIONED] = "provisioned",
    [DBROW_LEASED] = "leased",
    [DBROW_LEARNED] = "learned",
};

static bool
origin_read(const char *text, enum dbrow_origin *origin)
{
    for (size_t i = 0; text && i < sizeof origins / sizeof origins[0]; i++) {
        if (!strcmp(text, origins[i])) {
            *origin = i;
            return true;
        }
    }
    return false;
}

/* A name of our configuration: "" is none. */
static bool
name_read(const char *text, char name[STORE_NAME_LEN])
{
    if (!text || config_name_error(text)) {
        return false;
    }
    snprintf(name, STORE_NAME_LEN, "%s", text);
    return true;
}

/* "" (the segment's), "untagged", "100" or "200.100". */
static bool
vlan_read(const char *text, struct store_client *client)
{
    char again[FH_VLAN_STRLEN];
    unsigned int outer, inner;
    int n;

    client->own_vlan = text && *text;
    if (!text || !*text || !strcmp(text, "untagged")) {
        return text != NULL;
    }
    n = sscanf(text, "%4u.%4u", &outer, &inner);
    if (n < 1 || outer < 1 || outer > 4094
        || (n == 2 && (inner < 1 || inner > 4094))) {
        return false;
    }
    client->vlan.n = n;
    client->vlan.vids[0] = outer;
    client->vlan.vids[1] = n == 2 ? inner : 0;
    return !strcmp(fh_vlan_format(&client->vlan, again), text);
}

static bool
mac_read(const char *text, struct store_client *client)
{
    client->has_mac = text && *text;
    return text
           && (!*text
               || (fh_mac_parse(text, &client->mac)
                   && fh_mac_is_unicast(client->mac)));
}

bool
dbrow_client_read(const json_t *row, enum dbrow_origin *origin,
                  struct store_client *client)
{
    const char *address = ovsdb_get_string(row, "address");

    memset(client, 0, sizeof *client);
    client->removed = ovsdb_get_boolean(row, "removed", false);
    client->end_ms = ovsdb_get_integer(row, "expires", 0);
    return (origin_read(ovsdb_get_string(row, "origin"), origin)
            && name_read(ovsdb_get_string(row, "segment"), client->segment)
            && address && fh_addr_parse(address, &client->address)
            && mac_read(ovsdb_get_string(row, "mac"), client)
            && vlan_read(ovsdb_get_string(row, "vlan"), client)
            && (client->has_mac || *origin == DBROW_PROVISIONED));
}

json_t *
dbrow_client_row(const char *shard, enum dbrow_origin origin,
                 const struct store_client *client)
{
    char address[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN] = "";
    char vlan[FH_VLAN_STRLEN] = "";

    fh_addr_format(client->address, address);
    if (client->has_mac) {
        fh_mac_format(client->mac, mac);
    }
    if (client->own_vlan) {
        fh_vlan_format(&client->vlan, vlan);
    }
    return json_pack("{sssssssssssssbsI}", "shard", shard, "segment",
                     client->segment, "address", address, "origin",
                     origins[origin], "mac", mac, "vlan", vlan, "removed",
                     client->removed, "expires", (json_int_t) client->end_ms);
}

bool
dbrow_client_equal(const struct store_client *a, const struct store_client *b)
{
    return (fh_addr_equal(a->address, b->address)
            && !strcmp(a->segment, b->segment) && a->removed == b->removed
            && a->has_mac == b->has_mac
            && (!a->has_mac || fh_mac_equal(a->mac, b->mac))
            && a->own_vlan == b->own_vlan
            && (!a->own_vlan || fh_vlan_equal(&a->vlan, &b->vlan))
            && a->end_ms == b->end_ms);
}

bool
dbrow_router_read(const json_t *row, struct dbrow_router *router)
{
    const char *admin = ovsdb_get_string(row, "admin");
    const char *uplink = ovsdb_get_string(row, "uplink");

    router->draining = admin && !strcmp(admin, "drain");
    router->uplink_down = uplink && !strcmp(uplink, "down");
    router->holder = ovsdb_get_boolean(row, "holder", false);
    return name_read(ovsdb_get_string(row, "name"), router->name);
}

json_t *
dbrow_router_row(const char *shard, const struct dbrow_router *router)
{
    return json_pack("{sssssssssb}", "shard", shard, "name", router->name,
                     "admin", router->draining ? "drain" : "up", "uplink",
                     router->uplink_down ? "down" : "up", "holder",
                     router->holder);
}

bool
dbrow_router_is_plain(const struct dbrow_router *router)
{
    return !router->draining && !router->uplink_down && !router->holder;
}

json_t *
dbrow_op_insert(const char *table, json_t *row)
{
    return json_pack("{ssssso}", "op", "insert", "table", table, "row", row);
}

/* "where" that names one row. */
static json_t *
by_uuid(const char *uuid)
{
    return json_pack("[[ss[ss]]]", "_uuid", "==", "uuid", uuid);
}

json_t *
dbrow_op_update(const char *table, const char *uuid, json_t *row)
{
    return json_pack("{sssssoso}", "op", "update", "table", table, "where",
                     by_uuid(uuid), "row", row);
}

json_t *
dbrow_op_delete(const char *table, const char *uuid)
{
    return json_pack("{ssssso}", "op", "delete", "table", table, "where",
                     by_uuid(uuid));
}
