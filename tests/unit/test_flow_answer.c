/* flows/flow_answer: what a bridge answers by itself.
 *
 * The flows are run, by a small pipeline of this file's own: a frame goes in,
 * and what comes out by which port, or that it is punted, is the result. */
#include <config.h>

#include "flows/flow_answer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "flows/arp.h"
#include "flows/flow_client.h"
#include "flows/icmp.h"

#define ACCESS 1
#define UPLINK 10
#define ROUTER_MAC { .ea = { 2, 0, 0, 0, 0, 0xa } }
#define CLIENT_MAC { .ea = { 2, 0, 0, 0, 1, 0xa } }
#define CORE_MAC   { .ea = { 2, 0, 0, 0, 0, 1 } }
#define EVERYBODY  { .ea = { [0 ... 5] = 0xff } }

/* A frame in the pipeline.  'tags' from the outermost on. */
struct packet {
    uint32_t in_port;
    uint64_t metadata;
    uint32_t regs[FH_N_REGS];
    struct eth_addr src, dst;
    uint16_t tags[4];
    int n_tags;
    uint16_t eth_type;
    uint16_t arp_op;
    struct eth_addr sha, tha;
    struct fh_addr from, to;    /* spa and tpa, or IPv4 source and destination */
    uint8_t ip_proto, icmp_type, ttl;
    uint16_t udp_dst;
};

struct fixture {
    struct fh_router router;
    struct fh_port_limits access;
    struct fh_uplink uplink;
    struct fh_segment segment;
    struct fh_vlan vlan;
    struct fh_prefix prefix;
    struct fh_client client;
    struct flow_set *flows;
    bool away;                  /* The controller is. */
    bool absent;                /* The client is another router's. */
    char result[256];
    int depth;
};

static struct fh_addr
addr(const char *text)
{
    struct fh_addr a;

    assert_true(fh_addr_parse(text, &a));
    return a;
}

static int
set_up(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    f->access = (struct fh_port_limits) { ACCESS, 1000, 9000, 2000 };
    f->uplink = (struct fh_uplink) {
        .port = UPLINK, .address = addr("192.0.2.2"),
        .next_hop_mac = CORE_MAC, .mtu = 1500,
    };
    f->prefix = (struct fh_prefix) { addr("10.0.0.0"), 24 };
    f->segment = (struct fh_segment) {
        .vlans = &f->vlan, .n_vlans = 1,
        .prefixes = &f->prefix, .n_prefixes = 1,
        .gateway = addr("10.0.0.1"), .local = addr("10.0.0.2"),
        .uplink = &f->uplink, .proxy_all = true, .answers_core = true,
    };
    f->router = (struct fh_router) {
        .mac = ROUTER_MAC,
        .access = &f->access, .n_access = 1,
        .uplinks = &f->uplink, .n_uplinks = 1,
        .segments = &f->segment, .n_segments = 1,
    };
    f->client = (struct fh_client) {
        .address = addr("10.0.0.10"), .mac = CLIENT_MAC, .port = ACCESS,
        .router_mac = ROUTER_MAC, .uplink = &f->uplink, .decision = 1,
    };
    f->away = true;
    f->flows = flow_set_create();
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    flow_set_destroy(f->flows);
    free(f);
    return 0;
}

/* Matching. */

static bool
vlan_matches(const struct fh_match *m, const struct packet *p)
{
    return (m->vlan_vid == FH_VLAN_NONE ? !p->n_tags
            : m->vlan_vid == FH_VLAN_ANY ? p->n_tags > 0
            : p->n_tags && p->tags[0] == m->vlan_vid);
}

static bool
l2_matches(const struct fh_match *m, const struct packet *p)
{
    for (int i = 0; i < FH_N_REGS; i++) {
        if (m->fields & FH_F_REG(i) && m->regs[i] != p->regs[i]) {
            return false;
        }
    }
    return (!(m->fields & FH_F_IN_PORT && m->in_port != p->in_port)
            && !(m->fields & FH_F_METADATA
                 && (m->metadata ^ p->metadata) & m->metadata_mask)
            && !(m->fields & FH_F_ETH_SRC && !fh_mac_equal(m->eth_src, p->src))
            && !(m->fields & FH_F_ETH_DST && !fh_mac_equal(m->eth_dst, p->dst))
            && !(m->fields & FH_F_ETH_TYPE && m->eth_type != p->eth_type)
            && !(m->fields & FH_F_VLAN && !vlan_matches(m, p)));
}

static bool
l3_matches(const struct fh_match *m, const struct packet *p)
{
    return (!(m->fields & FH_F_ARP_OP && m->arp_op != p->arp_op)
            && !(m->fields & FH_F_ARP_SPA
                 && (m->arp_spa ^ p->from.ip4) & m->arp_spa_mask)
            && !(m->fields & FH_F_ARP_TPA
                 && (m->arp_tpa ^ p->to.ip4) & m->arp_tpa_mask)
            && !(m->fields & FH_F_IP_SRC
                 && (m->ip_src ^ p->from.ip4) & m->ip_src_mask)
            && !(m->fields & FH_F_IP_DST
                 && (m->ip_dst ^ p->to.ip4) & m->ip_dst_mask)
            && !(m->fields & FH_F_IP_PROTO && m->ip_proto != p->ip_proto)
            && !(m->fields & FH_F_ICMP_TYPE && m->icmp_type != p->icmp_type)
            && !(m->fields & FH_F_IP_TTL && m->ip_ttl != p->ttl)
            && !(m->fields & FH_F_UDP_DST
                 && (p->ip_proto != 17 || m->udp_dst != p->udp_dst))
            && !(m->fields & FH_F_UDP_SRC));
}

struct search {
    const struct packet *frame;
    int table;
    const struct fh_flow *best;
};

static void
consider(const struct fh_flow *flow, void *search_)
{
    struct search *s = search_;

    if (flow->table == s->table
        && (!s->best || flow->priority > s->best->priority)
        && l2_matches(&flow->match, s->frame)
        && l3_matches(&flow->match, s->frame)) {
        s->best = flow;
    }
}

/* Actions. */

/* As 8 bytes, whatever the field's length. */
static void
move(struct packet *p, unsigned int from, unsigned int to)
{
    uint32_t as_number[FH_N_REGS];
    struct {
        void *field;
        size_t len;
    } names[FH_N_NAMES] = {
        [FH_NAME_ETH_SRC] = { &p->src, 6 }, [FH_NAME_ETH_DST] = { &p->dst, 6 },
        [FH_NAME_ARP_SHA] = { &p->sha, 6 }, [FH_NAME_ARP_THA] = { &p->tha, 6 },
        [FH_NAME_ARP_SPA] = { &p->from, 4 }, [FH_NAME_ARP_TPA] = { &p->to, 4 },
        [FH_NAME_IP_SRC] = { &p->from, 4 }, [FH_NAME_IP_DST] = { &p->to, 4 },
    };

    for (int i = 0; i < FH_N_REGS; i++) {
        as_number[i] = htonl(p->regs[i]);
        names[FH_NAME_REG0 + i].field = &as_number[i];
        names[FH_NAME_REG0 + i].len = 4;
    }
    assert_int_equal(names[from].len, names[to].len);
    memcpy(names[to].field, names[from].field, names[to].len);
    for (int i = 0; i < FH_N_REGS; i++) {
        p->regs[i] = ntohl(as_number[i]);
    }
}

static void
say(struct fixture *f, const char *what)
{
    size_t n = strlen(f->result);

    snprintf(f->result + n, sizeof f->result - n, "%s%s", n ? "; " : "", what);
}

/* "1: 200.100 02:...>02:... reply 10.0.0.1 02:... to 10.0.0.10 02:..." */
static void
say_output(struct fixture *f, const struct packet *p, uint32_t port)
{
    char from[FH_ADDR_STRLEN], to[FH_ADDR_STRLEN], src[FH_MAC_STRLEN];
    char dst[FH_MAC_STRLEN], sha[FH_MAC_STRLEN], tha[FH_MAC_STRLEN];
    char tags[32] = "", text[200];

    for (int i = 0; i < p->n_tags; i++) {
        size_t n = strlen(tags);

        snprintf(tags + n, sizeof tags - n, "vlan %u ", p->tags[i]);
    }
    fh_addr_format(p->from, from);
    fh_addr_format(p->to, to);
    fh_mac_format(p->src, src);
    fh_mac_format(p->dst, dst);
    if (p->eth_type == ETHERTYPE_ARP) {
        snprintf(text, sizeof text, "%u: %s%s>%s op %u %s %s to %s %s",
                 port == FH_PORT_IN_PORT ? p->in_port : port, tags, src + 12,
                 dst + 12, p->arp_op, from, fh_mac_format(p->sha, sha) + 12,
                 to, fh_mac_format(p->tha, tha) + 12);
    } else if (p->ip_proto == 17) {
        snprintf(text, sizeof text, "%u: %s%s>%s udp %u ttl %u %s to %s",
                 port == FH_PORT_IN_PORT ? p->in_port : port, tags, src + 12,
                 dst + 12, p->udp_dst, p->ttl, from, to);
    } else {
        snprintf(text, sizeof text, "%u: %s%s>%s icmp %u ttl %u %s to %s",
                 port == FH_PORT_IN_PORT ? p->in_port : port, tags, src + 12,
                 dst + 12, p->icmp_type, p->ttl, from, to);
    }
    assert_int_not_equal(port, p->in_port);     /* Or the bridge drops it. */
    say(f, text);
}

static void run(struct fixture *, struct packet *, int table);

static void
act(struct fixture *f, struct packet *p, const struct fh_action *a)
{
    switch ((enum fh_action_type) a->type) {
    case FH_ACT_OUTPUT:         say_output(f, p, a->u.port); break;
    case FH_ACT_CONTROLLER:     say(f, "punted"); break;
    case FH_ACT_SET_ETH_SRC:    p->src = a->u.mac; break;
    case FH_ACT_SET_ETH_DST:    p->dst = a->u.mac; break;
    case FH_ACT_SET_ARP_OP:     p->arp_op = a->u.op; break;
    case FH_ACT_SET_ARP_SHA:    p->sha = a->u.mac; break;
    case FH_ACT_DEC_TTL:        p->ttl--; break;
    case FH_ACT_SET_VLAN:       p->tags[0] = a->u.vid; break;
    case FH_ACT_SET_ICMP_TYPE:  p->icmp_type = a->u.number; break;
    case FH_ACT_SET_TTL:        p->ttl = a->u.number; break;
    case FH_ACT_SET_REG:        p->regs[a->u.reg.index] = a->u.reg.value; break;
    case FH_ACT_MOVE:           move(p, a->u.move.from, a->u.move.to); break;
    case FH_ACT_RESUBMIT:       run(f, p, a->u.number); break;
    case FH_ACT_PUSH_VLAN:
        assert_true(p->n_tags < 3);
        memmove(p->tags + 1, p->tags, p->n_tags++ * sizeof p->tags[0]);
        break;
    case FH_ACT_POP_VLAN:
        assert_true(p->n_tags > 0);
        memmove(p->tags, p->tags + 1, --p->n_tags * sizeof p->tags[0]);
        break;
    case FH_ACT_CHECK_LARGER:
        break;                  /* It is not. */
    default:
        fail_msg("action %u", a->type);
    }
}

static void
run(struct fixture *f, struct packet *p, int table)
{
    assert_true(++f->depth < 64);
    for (;;) {
        struct search s = { .frame = p, .table = table };

        flow_set_for_each(f->flows, consider, &s);
        if (!s.best) {
            return;
        }
        for (size_t i = 0; i < s.best->n_actions; i++) {
            act(f, p, &s.best->actions[i]);
        }
        p->metadata = ((p->metadata & ~s.best->metadata_mask)
                       | s.best->metadata);
        if (!s.best->next_table) {
            return;
        }
        assert_true(s.best->next_table > table);
        table = s.best->next_table;
    }
}

/* What becomes of '*p'; "" if nothing does. */
static const char *
send_frame(struct fixture *f, struct packet *p)
{
    struct fh_flow flows[FLOW_CLIENT_N], awake;

    flow_base_build(&f->router, f->flows);
    flow_answer_build(&f->router, f->flows);
    flow_client_build(&f->client, flows);
    for (size_t i = 0; !f->absent && i < FLOW_CLIENT_N; i++) {
        flow_set_put(f->flows, &flows[i]);
    }
    if (!f->away) {
        flow_answer_awake(&awake);
        flow_set_put(f->flows, &awake);
    }
    f->result[0] = '\0';
    f->depth = 0;
    run(f, p, FH_TABLE_CLASSIFY);
    return f->result;
}

static struct packet
request(uint32_t port, struct eth_addr mac, const char *from, const char *to)
{
    return (struct packet) {
        .in_port = port, .src = mac, .dst = EVERYBODY,
        .eth_type = ETHERTYPE_ARP, .arp_op = ARP_OP_REQUEST,
        .sha = mac, .from = addr(from), .to = addr(to),
    };
}

static const char *
client_asks(struct fixture *f, const char *to)
{
    struct packet p = request(ACCESS, (struct eth_addr) CLIENT_MAC,
                             "10.0.0.10", to);

    p.n_tags = f->vlan.n;
    memcpy(p.tags, f->vlan.vids, sizeof f->vlan.vids);
    return send_frame(f, &p);
}

static const char *
core_asks(struct fixture *f, const char *to)
{
    struct packet p = request(UPLINK, (struct eth_addr) CORE_MAC, "192.0.2.1",
                             to);

    p.n_tags = f->uplink.vlan.n;
    memcpy(p.tags, f->uplink.vlan.vids, sizeof f->uplink.vlan.vids);
    return send_frame(f, &p);
}

/* Whose answers end in 0a: the router's MAC is 02:00:00:00:00:0a, the client's
 * 02:00:00:00:01:0a, of which the last two bytes are said. */

static void
a_client_is_answered_for_the_gateway(void **state)
{
    assert_string_equal(client_asks(*state, "10.0.0.1"),
                        "1: 00:0a>01:0a op 2 10.0.0.1 00:0a"
                        " to 10.0.0.10 01:0a");
}

static void
with_proxy_all_it_is_answered_for_all_but_itself(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 256; i++) {
        char to[32];

        snprintf(to, sizeof to, "10.0.0.%d", i);
        assert_int_equal(*client_asks(f, to) != '\0', i != 10);
    }
    assert_string_not_equal(client_asks(f, "10.0.1.10"), "");
    assert_string_not_equal(client_asks(f, "198.51.100.1"), "");
    assert_string_equal(client_asks(f, "0.0.0.0"), "");
    assert_string_equal(client_asks(f, "224.0.0.1"), "");
    assert_string_equal(client_asks(f, "255.255.255.255"), "");
}

static void
else_for_the_gateway_and_what_is_beyond_the_segment(void **state)
{
    struct fixture *f = *state;

    f->segment.proxy_all = false;
    assert_string_not_equal(client_asks(f, "10.0.0.1"), "");
    assert_string_not_equal(client_asks(f, "198.51.100.1"), "");
    assert_string_equal(client_asks(f, "10.0.0.11"), "");
    assert_string_equal(client_asks(f, "10.0.0.10"), "");
    assert_string_equal(client_asks(f, "10.0.0.2"), "");
}

static void
with_two_prefixes_neither_is_the_client_s_own(void **state)
{
    const struct fh_prefix two[] = {
        { addr("10.0.0.0"), 24 }, { addr("10.0.1.0"), 24 },
    };
    struct fixture *f = *state;

    f->segment.prefixes = two;
    f->segment.n_prefixes = 2;
    assert_string_not_equal(client_asks(f, "10.0.1.10"), "");
    assert_string_equal(client_asks(f, "10.0.0.10"), "");
    f->segment.proxy_all = false;
    flow_set_destroy(f->flows);
    f->flows = flow_set_create();
    assert_string_equal(client_asks(f, "10.0.1.10"), "");
}

static void
nobody_else_is_answered_in_its_place(void **state)
{
    struct fixture *f = *state;
    struct packet p = request(ACCESS, (struct eth_addr) CORE_MAC, "10.0.0.10",
                             "10.0.0.1");

    assert_string_equal(send_frame(f, &p), "");
    p = request(ACCESS, (struct eth_addr) CLIENT_MAC, "10.0.0.11",
                "10.0.0.1");
    assert_string_equal(send_frame(f, &p), "");
    p = request(ACCESS, (struct eth_addr) CLIENT_MAC, "0.0.0.0", "10.0.0.1");
    assert_string_equal(send_frame(f, &p), "");
    p = request(ACCESS, (struct eth_addr) CLIENT_MAC, "10.0.0.10",
                "10.0.0.1");
    p.n_tags = 1;
    p.tags[0] = 7;
    assert_string_equal(send_frame(f, &p), "");
    f->absent = true;
    flow_set_destroy(f->flows);
    f->flows = flow_set_create();
    assert_string_equal(client_asks(f, "10.0.0.1"), "");
    assert_string_equal(core_asks(f, "10.0.0.10"), "");
}

static void
while_the_controller_is_there_it_is_asked(void **state)
{
    struct fixture *f = *state;

    f->away = false;
    assert_string_equal(client_asks(f, "10.0.0.1"), "punted");
    assert_string_equal(core_asks(f, "10.0.0.10"), "punted");
    f->absent = true;
    assert_string_equal(client_asks(f, "10.0.0.1"), "punted");
}

static void
a_unicast_question_is_answered_whoever_it_was_sent_to(void **state)
{
    struct fixture *f = *state;
    struct packet p = request(ACCESS, (struct eth_addr) CLIENT_MAC,
                             "10.0.0.10", "10.0.0.1");

    p.dst = (struct eth_addr) { .ea = { 2, 0, 0, 0, 0, 0xb } };
    assert_string_not_equal(send_frame(f, &p), "");
}

static void
a_reply_is_no_question(void **state)
{
    struct packet p = request(ACCESS, (struct eth_addr) CLIENT_MAC,
                             "10.0.0.10", "10.0.0.1");

    p.arp_op = ARP_OP_REPLY;
    p.dst = (struct eth_addr) { .ea = { 2, 0, 0, 0, 0, 0xc } };
    assert_string_equal(send_frame(*state, &p), "");
}

static void
a_client_is_answered_under_its_tags(void **state)
{
    struct fixture *f = *state;

    f->vlan = f->client.vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    assert_string_equal(client_asks(f, "10.0.0.1"),
                        "1: vlan 100 00:0a>01:0a op 2 10.0.0.1 00:0a"
                        " to 10.0.0.10 01:0a");
    f->vlan = f->client.vlan = (struct fh_vlan) { .n = 2,
                                                  .vids = { 200, 100 } };
    flow_set_destroy(f->flows);
    f->flows = flow_set_create();
    assert_string_equal(client_asks(f, "10.0.0.1"),
                        "1: vlan 200 vlan 100 00:0a>01:0a op 2 10.0.0.1 00:0a"
                        " to 10.0.0.10 01:0a");
}

static void
the_core_is_answered_for_a_client_and_for_us(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(core_asks(f, "10.0.0.10"),
                        "10: 00:0a>00:01 op 2 10.0.0.10 00:0a"
                        " to 192.0.2.1 00:01");
    assert_string_equal(core_asks(f, "192.0.2.2"),
                        "10: 00:0a>00:01 op 2 192.0.2.2 00:0a"
                        " to 192.0.2.1 00:01");
    assert_string_equal(core_asks(f, "10.0.0.11"), "");
    assert_string_equal(core_asks(f, "10.0.0.1"), "");
    assert_string_equal(core_asks(f, "192.0.2.3"), "");
}

static void
the_core_is_answered_under_its_tags_not_the_client_s(void **state)
{
    struct fixture *f = *state;

    f->vlan = f->client.vlan = (struct fh_vlan) { .n = 2,
                                                  .vids = { 200, 100 } };
    f->uplink.vlan = (struct fh_vlan) { .n = 2, .vids = { 7, 8 } };
    assert_string_equal(core_asks(f, "10.0.0.10"),
                        "10: vlan 7 vlan 8 00:0a>00:01 op 2 10.0.0.10 00:0a"
                        " to 192.0.2.1 00:01");
    assert_string_equal(core_asks(f, "192.0.2.2"),
                        "10: vlan 7 vlan 8 00:0a>00:01 op 2 192.0.2.2 00:0a"
                        " to 192.0.2.1 00:01");
}

static void
a_core_that_learns_by_routes_is_not_answered_for_clients(void **state)
{
    struct fixture *f = *state;

    f->segment.answers_core = false;
    assert_string_equal(core_asks(f, "10.0.0.10"), "");
    assert_string_not_equal(core_asks(f, "192.0.2.2"), "");
}

static void
the_core_s_address_probe_is_not_answered(void **state)
{
    struct packet p = request(UPLINK, (struct eth_addr) CORE_MAC, "0.0.0.0",
                             "192.0.2.2");

    assert_string_equal(send_frame(*state, &p), "");
}

/* One that another router is about to serve is forwarded for, and no more. */
static void
a_silent_client_is_forwarded_for_only(void **state)
{
    struct fixture *f = *state;
    struct packet p = {
        .in_port = UPLINK, .src = CORE_MAC, .dst = ROUTER_MAC,
        .eth_type = ETHERTYPE_IPV4, .ip_proto = 1, .icmp_type = 8, .ttl = 9,
        .from = addr("192.0.2.1"), .to = addr("10.0.0.10"),
    };

    f->client.silent = true;
    assert_string_equal(client_asks(f, "10.0.0.1"), "");
    assert_string_equal(core_asks(f, "10.0.0.10"), "");
    assert_string_equal(send_frame(f, &p),
                        "1: 00:0a>01:0a icmp 8 ttl 8 192.0.2.1 to 10.0.0.10");
}

/* Ping. */

static const char *
ping(struct fixture *f, uint32_t port, const char *to)
{
    struct packet p = {
        .in_port = port, .dst = ROUTER_MAC, .eth_type = ETHERTYPE_IPV4,
        .ip_proto = 1, .icmp_type = ICMP_ECHO_REQUEST, .ttl = 9,
        .src = CORE_MAC, .from = addr("192.0.2.1"), .to = addr(to),
    };

    if (port == ACCESS) {
        p.src = f->client.mac;
        p.from = f->client.address;
        p.n_tags = f->vlan.n;
        memcpy(p.tags, f->vlan.vids, sizeof f->vlan.vids);
    } else {
        p.n_tags = f->uplink.vlan.n;
        memcpy(p.tags, f->uplink.vlan.vids, sizeof f->uplink.vlan.vids);
    }
    return send_frame(f, &p);
}

static void
a_ping_to_us_is_answered(void **state)
{
    struct fixture *f = *state;

    f->vlan = f->client.vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    f->uplink.vlan = (struct fh_vlan) { .n = 1, .vids = { 7 } };
    assert_string_equal(ping(f, ACCESS, "10.0.0.1"),
                        "1: vlan 100 00:0a>01:0a icmp 0 ttl 63"
                        " 10.0.0.1 to 10.0.0.10");
    assert_string_equal(ping(f, ACCESS, "10.0.0.2"),
                        "1: vlan 100 00:0a>01:0a icmp 0 ttl 63"
                        " 10.0.0.2 to 10.0.0.10");
    assert_string_equal(ping(f, UPLINK, "192.0.2.2"),
                        "10: vlan 7 00:0a>00:01 icmp 0 ttl 64"
                        " 192.0.2.2 to 192.0.2.1");
    f->away = false;
    assert_string_equal(ping(f, ACCESS, "10.0.0.1"), "punted");
    assert_string_equal(ping(f, UPLINK, "10.0.0.1"), "punted");
}

/* Nothing else has changed. */

static void
what_is_not_for_us_is_forwarded(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ping(f, ACCESS, "198.51.100.1"),
                        "10: 00:0a>00:01 icmp 8 ttl 8"
                        " 10.0.0.10 to 198.51.100.1");
    assert_string_equal(ping(f, ACCESS, "10.0.0.11"),
                        "10: 00:0a>00:01 icmp 8 ttl 8"
                        " 10.0.0.10 to 10.0.0.11; punted");
    assert_string_equal(ping(f, UPLINK, "10.0.0.10"),
                        "1: 00:0a>01:0a icmp 8 ttl 8"
                        " 192.0.2.1 to 10.0.0.10");
    assert_string_equal(ping(f, UPLINK, "10.0.0.11"), "punted");
}

/* DHCP: what a client renews by unicast, and what its server answers. */

static const char *
renew(struct fixture *f, bool answer)
{
    struct packet p = {
        .in_port = answer ? UPLINK : ACCESS, .dst = ROUTER_MAC,
        .eth_type = ETHERTYPE_IPV4, .ip_proto = 17, .ttl = 9,
        .src = f->client.mac, .from = f->client.address,
        .to = addr("198.51.100.67"), .udp_dst = 67,
    };

    if (answer) {
        p.src = (struct eth_addr) CORE_MAC;
        p.from = addr("198.51.100.67");
        p.to = f->client.address;
        p.udp_dst = 68;
    }
    return send_frame(f, &p);
}

static void
a_lease_is_renewed_past_a_controller_that_is_away(void **state)
{
    const struct fh_addr server = addr("198.51.100.67");
    struct fixture *f = *state;

    f->segment.dhcp_servers = &server;
    f->segment.n_dhcp_servers = 1;
    assert_string_equal(renew(f, false),
                        "10: 00:0a>00:01 udp 67 ttl 8"
                        " 10.0.0.10 to 198.51.100.67");
    assert_string_equal(renew(f, true),
                        "1: 00:0a>01:0a udp 68 ttl 8"
                        " 198.51.100.67 to 10.0.0.10");
    f->away = false;
    assert_string_equal(renew(f, false), "punted");
    assert_string_equal(renew(f, true), "punted");
}

/* Which relays, and nobody else can; to which it goes up in vain, like any UDP
 * to us. */
static void
what_a_server_sends_to_us_goes_nowhere_meanwhile(void **state)
{
    const struct fh_addr server = addr("198.51.100.67");
    struct fixture *f = *state;
    struct packet p = {
        .in_port = UPLINK, .src = CORE_MAC, .dst = ROUTER_MAC,
        .eth_type = ETHERTYPE_IPV4, .ip_proto = 17, .ttl = 9,
        .from = server, .to = addr("192.0.2.2"), .udp_dst = 67,
    };

    f->segment.dhcp_servers = &server;
    f->segment.n_dhcp_servers = 1;
    assert_string_equal(send_frame(f, &p), "punted");
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_is_answered_for_the_gateway),
        TEST(with_proxy_all_it_is_answered_for_all_but_itself),
        TEST(else_for_the_gateway_and_what_is_beyond_the_segment),
        TEST(with_two_prefixes_neither_is_the_client_s_own),
        TEST(nobody_else_is_answered_in_its_place),
        TEST(while_the_controller_is_there_it_is_asked),
        TEST(a_unicast_question_is_answered_whoever_it_was_sent_to),
        TEST(a_reply_is_no_question),
        TEST(a_client_is_answered_under_its_tags),
        TEST(the_core_is_answered_for_a_client_and_for_us),
        TEST(the_core_is_answered_under_its_tags_not_the_client_s),
        TEST(a_core_that_learns_by_routes_is_not_answered_for_clients),
        TEST(the_core_s_address_probe_is_not_answered),
        TEST(a_silent_client_is_forwarded_for_only),
        TEST(a_ping_to_us_is_answered),
        TEST(what_is_not_for_us_is_forwarded),
        TEST(a_lease_is_renewed_past_a_controller_that_is_away),
        TEST(what_a_server_sends_to_us_goes_nowhere_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
