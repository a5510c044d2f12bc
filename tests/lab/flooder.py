"""A host that sends the same frames without end."""

import contextlib
import sys

from .netns import end

# Sends the frames of standard input, a line each: so many a second, or as fast
# as it can (0).
FLOOD = """
import itertools, socket, sys, time
pps = float(sys.argv[1])
frames = [bytes.fromhex(line) for line in sys.stdin]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
print("flooding", flush=True)
began, sent = time.monotonic(), 0
for frame in itertools.cycle(frames):
    while pps and sent > (time.monotonic() - began) * pps:
        time.sleep(0.001)
    sent += 1
    try:
        out.send(frame)
    except OSError:
        pass
"""


@contextlib.contextmanager
def flood_frames(host, *frames, pps=0):
    """'host' sends the frames again and again until the block ends: 'pps' a
    second, or as fast as it can."""
    process = host.netns.popen(
        [sys.executable, "-c", FLOOD, str(pps)],
        stdin=-1,
        stdout=-1,
        text=True,
    )
    try:
        process.stdin.write("".join(f"{f.hex()}\n" for f in frames))
        process.stdin.close()
        assert process.stdout.readline() == "flooding\n"
        yield
    finally:
        end(process)
