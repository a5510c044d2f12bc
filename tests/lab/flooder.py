"""A host that sends the same frames without end."""

import contextlib
import sys

from .netns import end

# Sends the frames that are named, as fast as it can.
FLOOD = """
import socket, sys
frames = [bytes.fromhex(arg) for arg in sys.argv[1:]]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
print("flooding", flush=True)
while True:
    for frame in frames:
        try:
            out.send(frame)
        except OSError:
            pass
"""


@contextlib.contextmanager
def flood_frames(host, *frames):
    """'host' sends the frames again and again until the block ends."""
    process = host.netns.popen(
        [sys.executable, "-c", FLOOD] + [frame.hex() for frame in frames],
        stdout=-1,
        text=True,
    )
    try:
        assert process.stdout.readline() == "flooding\n"
        yield
    finally:
        end(process)
