/* Fuzzes what reads punted frames: Ethernet, ARP, IPv4, ICMP, DHCP.
 *
 * The input is a frame.  What parses is built again and parsed back, and both
 * must agree. */
#include <config.h>

#include <stdlib.h>

#include <firsthop/buf.h>

#include "flows/arp.h"
#include "flows/dhcp.h"
#include "flows/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, with assertions compiled in or not. */
static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
try_arp(const struct frame *frame)
{
    uint8_t buf[ARP_FRAME_MAX];
    struct frame rebuilt;
    struct arp arp, again;
    size_t len;

    if (arp_parse(frame, &arp)) {
        return;
    }
    len = arp_build(buf, frame->dst, &frame->vlan, &arp);
    require(len <= sizeof buf);
    require(frame_parse(buf, len, &rebuilt) == FRAME_OK);
    require(fh_vlan_equal(&frame->vlan, &rebuilt.vlan));
    require(frame->vlan.tpid == rebuilt.vlan.tpid);
    require(!arp_parse(&rebuilt, &again));
    require(arp.op == again.op
            && fh_mac_equal(arp.sha, again.sha)
            && fh_mac_equal(arp.tha, again.tha)
            && fh_addr_equal(arp.spa, again.spa)
            && fh_addr_equal(arp.tpa, again.tpa));
    require(arp_is_address_probe(&arp) == arp_is_address_probe(&again));
    require(arp_is_announcement(&arp) == arp_is_announcement(&again));
}

/* What we have sent must be right, and no reason for an error about it. */
static void
check_built(const uint8_t *buf, size_t len, bool is_error)
{
    struct frame frame;
    struct ipv4 ip;

    require(len >= 60);
    require(frame_parse(buf, len, &frame) == FRAME_OK);
    require(!ipv4_parse(&frame, &ip));
    require(!icmp_is_echo_request(&ip));
    require(!is_error || !icmp_error_allowed(&ip, frame.dst));
}

/* All of the packet, in its order, in pieces that fit. */
static void
try_fragments(const struct ipv4 *ip, const struct ipv4_envelope *envelope)
{
    uint8_t buf[IPV4_FRAME_MAX(IPV4_MIN_MTU)];
    size_t offset = 0, sum = 0, len;

    while ((len = ipv4_build_fragment(buf, envelope, ip, IPV4_MIN_MTU,
                                      &offset)) > 0) {
        struct frame frame;
        struct ipv4 fragment;

        require(len <= sizeof buf);
        require(frame_parse(buf, len, &frame) == FRAME_OK);
        require(!ipv4_parse(&frame, &fragment));
        require(fragment.ttl == ip->ttl - 1);
        require(!memcmp(fragment.payload, ip->payload + sum,
                        fragment.payload_len));
        sum += fragment.payload_len;
        require(sum == offset);
    }
    require(!sum || sum == ip->payload_len);
}

/* What was built says the same, but for what a relay agent changes. */
static void
check_dhcp(const uint8_t *buf, size_t len, const struct dhcp *dhcp,
           bool relayed)
{
    struct frame frame;
    struct ipv4 ip;
    struct dhcp again;

    require(len <= DHCP_FRAME_MAX);
    require(frame_parse(buf, len, &frame) == FRAME_OK);
    require(!ipv4_parse(&frame, &ip));
    require(!dhcp_parse(&ip, &again));
    require(again.type == dhcp->type && again.xid == dhcp->xid
            && again.lease_s == dhcp->lease_s
            && fh_addr_equal(again.requested, dhcp->requested)
            && fh_addr_equal(again.server, dhcp->server)
            && fh_mac_equal(again.mac, dhcp->mac)
            && again.has_relay_info == relayed);
}

static void
try_dhcp(const struct ipv4 *ip, const struct ipv4_envelope *envelope)
{
    const struct dhcp_relay relay = {
        .relay = ip->dst, .link = ip->src, .circuit = "metro/untagged",
        .relay_id = "A/a-access",
    };
    uint8_t buf[DHCP_FRAME_MAX];
    struct dhcp dhcp;
    size_t len;

    if (dhcp_parse(ip, &dhcp)) {
        return;
    }
    len = dhcp_build_request(buf, envelope, &relay, ip->src, &dhcp);
    if (len) {
        check_dhcp(buf, len, &dhcp, true);
    }
    len = dhcp_build_reply(buf, envelope, ip->dst, &dhcp);
    if (len) {
        check_dhcp(buf, len, &dhcp, false);
    }
}

static void
try_ipv4(const struct frame *frame, size_t size)
{
    size_t cap = ICMP_FRAME_MAX(size), len;
    struct ipv4_envelope envelope = {
        .eth_src = { { { 0x02, 0, 0, 0, 0, 0x0a } } },
        .eth_dst = frame->src,
        .vlan = frame->vlan,
    };
    struct ipv4 ip;
    uint8_t *buf;

    if (ipv4_parse(frame, &ip)) {
        return;
    }
    buf = fh_xmalloc(cap);
    if (icmp_is_echo_request(&ip)) {
        len = icmp_build_echo_reply(buf, cap, &envelope, &ip);
        check_built(buf, len, false);
        require(!icmp_build_echo_reply(buf, len - 1, &envelope, &ip));
    }
    if (icmp_error_allowed(&ip, frame->dst)) {
        len = icmp_build_error(buf, cap, &envelope, ip.dst,
                               ICMP_TIME_EXCEEDED, 0, 0, &ip);
        check_built(buf, len, true);
        require(!icmp_build_error(buf, len - 1, &envelope, ip.dst,
                                  ICMP_TIME_EXCEEDED, 0, 0, &ip));
    }
    free(buf);
    try_dhcp(&ip, &envelope);
    if (!ip.dont_fragment && ip.ttl > 1) {
        try_fragments(&ip, &envelope);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame;

    if (frame_parse(data, size, &frame) == FRAME_OK) {
        try_arp(&frame);
        try_ipv4(&frame, size);
    }
    return 0;
}
