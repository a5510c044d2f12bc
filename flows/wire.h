/* Reading and writing big-endian numbers at any alignment.
 *
 * For parsers and builders of frames.  Never checks lengths: the caller
 * has. */
#ifndef WIRE_H
#define WIRE_H 1

#include <stdint.h>
#include <string.h>

#include <firsthop/types.h>

static inline uint16_t
wire_get_u16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static inline void
wire_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t) (value >> 8);
    p[1] = (uint8_t) value;
}

static inline struct fh_addr
wire_get_addr(const uint8_t *p)
{
    struct fh_addr addr;

    memcpy(&addr.ip4, p, sizeof addr.ip4);
    return addr;
}

static inline void
wire_put_addr(uint8_t *p, struct fh_addr addr)
{
    memcpy(p, &addr.ip4, sizeof addr.ip4);
}

static inline struct eth_addr
wire_get_mac(const uint8_t *p)
{
    struct eth_addr mac;

    memcpy(&mac, p, sizeof mac);
    return mac;
}

static inline void
wire_put_mac(uint8_t *p, struct eth_addr mac)
{
    memcpy(p, &mac, sizeof mac);
}

#endif /* flows/wire.h */
