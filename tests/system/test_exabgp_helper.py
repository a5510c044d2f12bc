"""firsthop-exabgp between a pretended daemon and a pretended ExaBGP: what it
passes on, keeps, withdraws, and what it survives."""

import os
import select
import subprocess

import pytest

from netns import die_with_parent, end, wait_for
from speakers import HELPER

BEGIN = "# firsthop begin\n"
END = "# firsthop end\n"
EOR = "announce eor ipv4 unicast\n"


def announce(host, router=2):
    return (
        f"announce route 10.0.0.{host}/32 next-hop 192.0.2.{router}"
        " local-preference 100\n"
    )


def bulk(*hosts, router=2):
    """What becomes of several that are told at once."""
    routes = " ".join(f"10.0.0.{host}/32" for host in hosts)
    return (
        f"announce attributes next-hop 192.0.2.{router}"
        f" local-preference 100 nlri {routes}\n"
    )


def routes_in(text):
    """{route: next hop}, as ExaBGP understands it."""
    routes = {}
    for words in (line.split() for line in text.splitlines()):
        if words[:2] == ["announce", "route"]:
            routes[words[2]] = words[4]
        elif words[:2] == ["announce", "attributes"]:
            for route in words[words.index("nlri") + 1 :]:
                routes[route] = words[3]
    return routes


def withdraw(host):
    return f"withdraw route 10.0.0.{host}/32\n"


class Bench:
    """The helper with both its neighbours in our hands."""

    def __init__(self, directory):
        self.api_in = os.path.join(directory, "in")
        self.api_out = os.path.join(directory, "out")
        self.helper = self.daemon = self.hears = None
        self.said = self.heard = ""

    def start(self):
        self.said = ""
        # pylint: disable=consider-using-with
        self.helper = subprocess.Popen(
            [HELPER, self.api_in, self.api_out],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        os.set_blocking(self.helper.stdout.fileno(), False)

    def connect(self):
        """As the daemon opens the pipes."""
        self.daemon = wait_for(
            lambda: os.open(self.api_in, os.O_WRONLY | os.O_NONBLOCK),
            what="the helper to read",
        )
        self.hears = os.open(self.api_out, os.O_RDWR | os.O_NONBLOCK)

    def leave(self):
        for fd in (self.daemon, self.hears):
            if fd is not None:
                os.close(fd)
        self.daemon = self.hears = None

    def tell(self, text):
        os.write(self.daemon, text.encode())

    def answer(self, text):
        self.helper.stdin.write(text.encode())
        self.helper.stdin.flush()

    def wait_said(self, text):
        """Waits until all that ExaBGP was told since start() is 'text'."""

        def is_said():
            data = self.helper.stdout.read()
            self.said += data.decode() if data else ""
            return self.said.removeprefix("#\n") == text

        wait_for(is_said, 5, f"{text!r}", lambda: f"said {self.said!r}")

    def wait_heard(self, text):
        def is_heard():
            if select.select([self.hears], [], [], 0)[0]:
                self.heard += os.read(self.hears, 65536).decode()
            return self.heard == text

        wait_for(is_heard, 5, f"{text!r}", lambda: f"heard {self.heard!r}")

    def stop(self):
        self.leave()
        end(self.helper)
        for pipe in (
            self.helper.stdin,
            self.helper.stdout,
            self.helper.stderr,
        ):
            pipe.close()


@pytest.fixture
def bench(tmp_path):
    it = Bench(str(tmp_path))
    it.start()
    it.connect()
    yield it
    it.stop()


def test_passes_on_the_table_and_ends_it(bench):
    bench.wait_heard("hello\n")
    bench.tell(BEGIN + announce(10) + announce(11, 3) + END)
    bench.wait_said(announce(10) + announce(11, 3) + EOR)
    bench.tell(announce(10, 3) + withdraw(11))
    said = announce(10) + announce(11, 3) + EOR
    bench.wait_said(said + announce(10, 3) + withdraw(11))


def test_what_was_for_a_former_reader_is_left_out(bench):
    bench.tell("te 10.0.0.9/32\n" + announce(12) + BEGIN + announce(10))
    bench.wait_said(announce(10))


def test_what_is_not_told_again_is_withdrawn_at_the_end(bench):
    bench.tell(BEGIN + announce(10) + announce(11) + END)
    first = bulk(10, 11)
    bench.leave()
    bench.connect()
    bench.tell(BEGIN + announce(10, 3))
    bench.wait_said(first + EOR + announce(10, 3))
    bench.tell(END)
    bench.wait_said(first + EOR + announce(10, 3) + withdraw(11) + EOR)
    bench.tell(BEGIN + announce(10, 3) + END)
    bench.wait_said(
        first
        + EOR
        + announce(10, 3)
        + withdraw(11)
        + EOR
        + announce(10, 3)
        + EOR
    )


def test_a_table_that_was_broken_off_withdraws_nothing(bench):
    bench.tell(
        BEGIN + announce(10) + announce(11) + END + BEGIN + announce(10)
    )
    bench.leave()
    bench.connect()
    bench.tell(BEGIN + announce(11) + announce(10) + END)
    bench.wait_said(bulk(10, 11) + EOR + announce(10) + bulk(11, 10) + EOR)


def test_what_is_told_at_once_is_passed_on_in_bulk(bench):
    """By attributes, the last ones of a route; in order with withdrawals."""
    bench.tell(
        BEGIN
        + announce(10)
        + announce(11)
        + announce(12, 3)
        + announce(11, 3)
        + announce(13)
        + withdraw(13)
        + announce(13, 4)
        + END
    )
    bench.wait_said(
        bulk(10, 13)
        + bulk(12, 11, router=3)
        + withdraw(13)
        + announce(13, 4)
        + EOR
    )


def test_a_daemon_that_leaves_is_no_end(bench):
    bench.tell(BEGIN + announce(10) + END)
    bench.leave()
    bench.wait_said(announce(10) + EOR)
    bench.connect()
    bench.tell(announce(11))
    bench.wait_said(announce(10) + EOR + announce(11))
    assert bench.helper.poll() is None


def test_exabgp_that_does_not_read_holds_the_daemon_back(bench):
    """Nothing is lost and nothing piles up in the helper: the pipe is full
    in the end, and is passed on in order once ExaBGP reads."""
    sent = ""
    bench.tell(BEGIN)
    with pytest.raises(BlockingIOError):
        for i in range(1_000_000):
            block = "".join(
                announce(f"{i}/{j}", j % 7) for j in range(1, 50)
            )
            select.select([], [bench.daemon], [], 1)
            bench.tell(block)
            sent += block
    assert len(sent) < 1_000_000

    def is_said():
        data = bench.helper.stdout.read()
        bench.said += data.decode() if data else ""
        return routes_in(bench.said) == routes_in(sent)

    wait_for(is_said, 5, "all to be said")


def test_tells_the_daemon_of_errors_and_peers(bench):
    bench.wait_heard("hello\n")
    state = '{"type": "state", "neighbor": {"address": {"peer": "192.0.2.1"},'
    state += ' "state": "%s"}}\n'
    bench.answer("done\nerror\n" + state % "connected" + state % "up")
    bench.answer('{"neighbor": 5}\n[]\nnonsense\n' + state % "down")
    bench.wait_heard("hello\nerror\npeer 192.0.2.1 up\npeer 192.0.2.1 down\n")
    # A peer that comes after the table was told needs an end of it.
    bench.tell(BEGIN + announce(10) + END)
    bench.wait_said(announce(10) + EOR)
    bench.answer(state % "up")
    bench.wait_said(announce(10) + EOR + EOR)


def test_tells_each_daemon_which_peers_there_are(bench):
    bench.wait_heard("hello\n")
    for peer, state in (("1", "up"), ("5", "up"), ("1", "down")):
        bench.answer(
            '{"type": "state", "neighbor": {"address": {"peer": '
            f'"192.0.2.{peer}"}}, "state": "{state}"}}}}\n'
        )
    told = "hello\npeer 192.0.2.1 up\npeer 192.0.2.5 up\n"
    told += "peer 192.0.2.1 down\n"
    bench.wait_heard(told)
    bench.tell(BEGIN)
    bench.wait_heard(told + "peer 192.0.2.1 down\npeer 192.0.2.5 up\n")


def test_endless_lines_do_no_harm(bench):
    bench.tell(BEGIN)
    for _ in range(100):
        select.select([], [bench.daemon], [], 5)
        bench.tell("x" * 4096)
    select.select([], [bench.daemon], [], 5)
    bench.tell("\n" + announce(10))
    bench.wait_said(announce(10))


def test_leaves_with_exabgp(bench):
    bench.helper.stdin.close()
    wait_for(lambda: bench.helper.poll() is not None, what="the helper's end")
    assert bench.helper.returncode == 0
    # The daemon notices: nobody reads any more.
    with pytest.raises(BrokenPipeError):
        bench.tell(BEGIN)


def test_a_file_in_the_pipes_place_is_refused(tmp_path):
    path = tmp_path / "in"
    path.write_text("precious")
    done = subprocess.run(
        [HELPER, str(path), str(tmp_path / "out")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not a named pipe" in done.stderr
    assert path.read_text() == "precious"


def test_a_pipe_that_cannot_be_opened_is_named(tmp_path):
    out = str(tmp_path / "nowhere" / "out")
    helper = subprocess.run(
        [HELPER, str(tmp_path / "in"), out],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=10,
        text=True,
        check=False,
    )
    assert helper.returncode == 1
    assert helper.stderr == (
        f"firsthop-exabgp: {out}: No such file or directory\n"
    )
