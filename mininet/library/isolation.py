"""A private place for a network: namespaces and a directory that go with it,
however it ends."""

import fcntl
import glob
import os
import shutil
import signal
import sys
import tempfile

from firsthop.lab.netns import run, sysctl

ISOLATED = "FIRSTHOP_MININET_ISOLATED"
DIRECTORY_PREFIX = "firsthop-mininet-"


def isolate(argv=None):
    """Executes this program again ('argv', or as it was called) in network
    and process namespaces of its own, unless it is in such already: when it
    ends, they are gone with all that was in them."""
    if os.environ.get(ISOLATED):
        return
    if os.geteuid():
        sys.exit("Mininet makes network namespaces: run it as root")
    unshare = "unshare --net --pid --fork --mount-proc --kill-child=KILL"
    os.environ[ISOLATED] = "1"
    os.execvp("unshare", unshare.split() + (argv or sys.orig_argv))


def prepare():
    """Loopback up, an end to any signal, and a private directory for
    temporary files, whose path it returns; remove it at the end."""

    def leave(_signum, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    run("ip", "link", "set", "lo", "up")
    sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    _sweep_directories()
    tempfile.tempdir = tempfile.mkdtemp(prefix=DIRECTORY_PREFIX)
    _lock_directory(tempfile.tempdir)
    return tempfile.tempdir


def _sweep_directories():
    """Removes the files of runs that were killed."""
    pattern = os.path.join(tempfile.gettempdir(), DIRECTORY_PREFIX + "*")
    for path in glob.glob(pattern):
        if _lock_directory(path):
            shutil.rmtree(path, ignore_errors=True)


def _lock_directory(path):
    """Marks 'path' as in use for as long as this process lives.  Returns
    false if another one has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        os.close(descriptor)
        return False
