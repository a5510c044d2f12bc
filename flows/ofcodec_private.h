/* What the files that read and write OpenFlow messages share: ofcodec.c,
 * ofencode.c and ofencode_flow.c, the only ones that include openvswitch
 * message headers. */
#ifndef OFCODEC_PRIVATE_H
#define OFCODEC_PRIVATE_H 1

#include <endian.h>

#include <openvswitch/ofp-protocol.h>
#include <openvswitch/ofpbuf.h>

#include "flows/ofcodec.h"

/* Header types that need no libopenvswitch, 7.1.1. */
enum {
    TYPE_HELLO = 0,
    TYPE_ERROR = 1,
    TYPE_ECHO_REQUEST = 2,
    TYPE_ECHO_REPLY = 3,
    TYPE_FEATURES_REQUEST = 5,
    TYPE_PACKET_IN = 10,
    TYPE_FLOW_REMOVED = 11,
    TYPE_PACKET_OUT = 13,
    TYPE_MULTIPART_REQUEST = 18,
    TYPE_MULTIPART_REPLY = 19,
    TYPE_BARRIER_REQUEST = 20,
    TYPE_BARRIER_REPLY = 21,
    TYPE_CONTROLLER_STATUS = 35,    /* 1.5; unknown to Open vSwitch 3.1. */
};

#define MULTIPART_HEADER_LEN 16
#define MULTIPART_FLOW       1
#define MULTIPART_METER      9
#define MULTIPART_METER_CONFIG 10   /* 1.5: METER_DESC, which is the same. */
#define MULTIPART_PORT_DESC  13
#define MULTIPART_MONITOR    16     /* From 1.4 on. */
#define MULTIPART_MORE       1

#define NO_BUFFER UINT32_MAX

static inline ovs_be64
be64(uint64_t value)
{
    return (OVS_FORCE ovs_be64) htobe64(value);
}

/* The library's word for a wire version. */
enum ofputil_protocol ofcodec_protocol(int version);
/* Appends 'msg', which it takes, under 'xid'. */
void ofcodec_put_ofpbuf(struct fh_buf *, struct ofpbuf *msg, uint32_t xid);

#endif /* flows/ofcodec_private.h */
