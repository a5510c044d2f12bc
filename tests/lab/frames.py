"""Raw frames on a client's interface: build, parse, inject, sniff."""

import ipaddress
import select
import socket
import struct
import time

BROADCAST = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"
ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ARP_REQUEST = 1
ARP_REPLY = 2
PACKET_OUTGOING = 4


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(data):
    return ":".join(f"{byte:02x}" for byte in data)


def ip_bytes(address):
    return ipaddress.IPv4Address(address).packed


def ip_text(data):
    return str(ipaddress.IPv4Address(data))


def ethernet(dst, src, ethertype, payload):
    frame = mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", ethertype)
    return (frame + payload).ljust(60, b"\0")


def arp(op, sha, spa, tha, tpa, eth_src=None, eth_dst=None):
    """An ARP frame (RFC 826).  Unless told otherwise a request is broadcast
    and a reply is sent to 'tha'."""
    payload = struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, op)
    payload += mac_bytes(sha) + ip_bytes(spa)
    payload += mac_bytes(tha) + ip_bytes(tpa)
    dst = eth_dst or (BROADCAST if op == ARP_REQUEST else tha)
    return ethernet(dst, eth_src or sha, ETH_P_ARP, payload)


def arp_request(mac, address, target, **kwargs):
    return arp(ARP_REQUEST, mac, address, ZERO_MAC, target, **kwargs)


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src, dst, proto, payload, ttl=64):
    def header(check):
        return struct.pack(
            "!BBHHHBBH4s4s",
            *(0x45, 0, 20 + len(payload), 0, 0x4000, ttl, proto, check),
            *(ip_bytes(src), ip_bytes(dst)),
        )

    return header(checksum(header(0))) + payload


def udp(eth_src, eth_dst, src, dst, sport, dport, data, ttl=64):
    """A UDP frame without a UDP checksum."""
    payload = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return ethernet(
        eth_dst, eth_src, ETH_P_IP, ipv4(src, dst, 17, payload, ttl)
    )


class Frame:
    """A parsed Ethernet frame.

    eth_dst, eth_src, ethertype always; for ARP op, sha, spa, tha, tpa; for
    IPv4 src, dst, ttl, proto, data (behind the IP header).  Others None."""

    def __init__(self, data, outgoing=False):
        self.bytes = data
        self.outgoing = outgoing
        self.at = time.monotonic()
        self.eth_dst, self.eth_src = mac_text(data[:6]), mac_text(data[6:12])
        (self.ethertype,) = struct.unpack("!H", data[12:14])
        self.op = self.sha = self.spa = self.tha = self.tpa = None
        self.src = self.dst = self.ttl = self.proto = self.data = None
        body = data[14:]
        if self.ethertype == ETH_P_ARP and len(body) >= 28:
            (self.op,) = struct.unpack("!H", body[6:8])
            self.sha, self.spa = mac_text(body[8:14]), ip_text(body[14:18])
            self.tha, self.tpa = mac_text(body[18:24]), ip_text(body[24:28])
        elif self.ethertype == ETH_P_IP and len(body) >= 20:
            (length,) = struct.unpack("!H", body[2:4])
            self.ttl, self.proto = body[8], body[9]
            self.src, self.dst = ip_text(body[12:16]), ip_text(body[16:20])
            self.data = body[(body[0] & 15) * 4 : length]

    def __repr__(self):
        text = f"{self.eth_src} > {self.eth_dst}"
        if self.op == ARP_REQUEST:
            return f"{text} arp who-has {self.tpa} tell {self.spa}/{self.sha}"
        if self.op:
            return f"{text} arp {self.spa} is-at {self.sha} for {self.tpa}"
        if self.src:
            return (
                f"{text} ip {self.src} > {self.dst} ttl {self.ttl} "
                f"proto {self.proto} {self.data[:24]!r}"
            )
        return f"{text} type {self.ethertype:#06x}"


def wait_socket(sock, events, timeout):
    """Waits until 'sock' is ready for 'events', at most 'timeout' seconds.
    Unlike select() this takes descriptors of any number."""
    poll = select.poll()
    poll.register(sock, events)
    poll.poll(max(0, timeout) * 1000)


class Tap:
    """A packet socket on 'dev' in 'netns': sends frames, and sees all that
    arrive (and, with 'outgoing', all that are sent)."""

    def __init__(self, netns, dev, outgoing=False):
        self._outgoing = outgoing
        self._socket = netns.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((dev, ETH_P_ALL))
        self._socket.setblocking(False)
        self.frames = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, frame):
        while True:
            try:
                self._socket.send(frame)
                return
            except BlockingIOError:
                wait_socket(self._socket, select.POLLOUT, 1.0)

    def collect(self):
        """Moves what has arrived to 'frames' and returns all of them."""
        while True:
            try:
                data, where = self._socket.recvfrom(65535)
            except BlockingIOError:
                return self.frames
            outgoing = where[2] == PACKET_OUTGOING
            if not outgoing or self._outgoing:
                self.frames.append(Frame(data, outgoing))

    def fileno(self):
        return self._socket.fileno()

    def take(self):
        """Returns what has arrived since the last call, and forgets it."""
        frames, self.frames = self.collect(), []
        return frames

    def matching(self, predicate):
        return [frame for frame in self.collect() if predicate(frame)]

    def wait(self, predicate, timeout=5.0, what="a frame"):
        """The first frame so far, or within 'timeout', that 'predicate' is
        true for.  AssertionError with what did arrive otherwise."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            frames = self.collect()
            for frame in frames[seen:]:
                if predicate(frame):
                    return frame
            seen = len(frames)
            left = deadline - time.monotonic()
            if left <= 0:
                arrived = "\n".join(repr(frame) for frame in frames[-30:])
                raise AssertionError(
                    f"waited {timeout} s for {what}; arrived:\n{arrived}"
                )
            wait_socket(self._socket, select.POLLIN, left)


def is_arp_reply(address=None):
    """Predicate: an ARP reply (about 'address')."""
    return lambda frame: frame.op == ARP_REPLY and (
        address is None or frame.spa == address
    )


def is_arp_request(target=None, sender=None):
    """Predicate: an ARP request (for 'target', from 'sender')."""
    return lambda frame: (
        frame.op == ARP_REQUEST
        and target in (None, frame.tpa)
        and sender in (None, frame.spa)
    )


def is_udp(data):
    """Predicate: a UDP datagram with the payload 'data' (bytes)."""
    return lambda frame: frame.proto == 17 and frame.data[8:] == data
