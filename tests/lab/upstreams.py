"""The ways in which the core learns where a client is, each in the article's
topology: build(), start() and close() a UPSTREAMS[name]()."""

import functools

from . import speakers
from .bgplab import BgpLab
from .corelab import CoreLab
from .harness import ArticleLab

UPSTREAMS = {
    "arp": ArticleLab,
    "bgp-bird": functools.partial(BgpLab, speakers.Bird),
    "bgp-frr": functools.partial(BgpLab, speakers.Frr),
    "core": CoreLab,
}


def missing(name):
    """What UPSTREAMS[name] needs and is not installed, or None."""
    return speakers.missing() if name.startswith("bgp") else None
