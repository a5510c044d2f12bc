"""Builds Firsthop with sanitizers and runs every test there is.

Question: does everything work, without a memory error, a leak or a process
left behind?
Order: build; unit tests, transcripts and checks of the tree; short fuzz runs
over the kept inputs; a search for new ones, some seconds each; system tests
(real bridges and clients).
Result: one line per program or test, the reasons of all skips and failures,
and a last line "N passed, N failed, N skipped" that counts single tests.

Each program runs in a session of its own, so that it can be ended with all
that it started; what it leaves behind falls to this process and is a failure.
Programs run as many at a time as there are processors, files of system tests
some more, since they mostly wait; each under a process of its own to which
their orphans fall.  What leaves no processor to others, or bears no others
beside it, runs alone.  A file of system tests that fails beside others runs
once more, alone, and that counts; what failed at first is told (AGAIN), and a
sanitizer's report is a failure whenever it comes.
Started by tests/run, which sets the machine up first.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "_build")
RESULTS = os.path.join(BUILD, "results")
CONFIGURE = [
    os.path.join(TOP, "configure"),
    "--enable-Werror",
    "--enable-sanitizers",
    "CFLAGS=-O1 -g",
]

SYSTEM_TESTS = os.path.join(TOP, "tests", "system")
SANITIZER_REPORTS = os.path.join(RESULTS, "sanitizer")
TIMES = os.path.join(BUILD, "system-times.json")
# Files that leave no CPU to others while they run, or that tell how the
# silence of milliseconds is judged.
ALONE = (
    "test_beacons.py",
    "test_flood.py",
    "test_flood_replies.py",
)
# Where no run has told yet what takes how long: these take longest.
LONGEST = (
    "test_absence.py",
    "test_mininet.py",
    "test_ctl.py",
    "test_dhcp.py",
    "test_bgp.py",
    "test_failover.py",
    "test_hostile.py",
    "test_core.py",
    "test_kernel.py",
    "chaos",
)
# Of a name in a pipe.  Less than PIPE_BUF: it is read whole.
RECORD_BYTES = 100

# Files of system tests at a time.  They use a quarter of a processor each.
WORKERS = 2 * max(1, min(8, os.cpu_count() or 1))
PROGRAM_TIMEOUT_S = 600
SEARCH_S = 5  # For each fuzz target.
# A system test that is told to stop takes its bridges down first.
CLEAN_UP_S = 60
# Daemons that were told to end may take a moment.
LEFTOVER_S = 3

PR_SET_CHILD_SUBREAPER = 36


class Interrupted(Exception):
    """A signal asked for the end."""


class Tally:
    """What has passed, failed and been skipped so far, test by test."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []
        self.agains = []

    def fail(self, what):
        self.failures.append(what)

    def skip(self, what, reason):
        self.skips.append(f"{what}: {reason or 'no reason given'}")

    def report(self):
        """Prints reasons and the last line; returns the exit status."""
        for skip in self.skips:
            say(f"SKIPPED {skip}")
        for again in self.agains:
            say(f"AGAIN {again}")
        for failure in self.failures:
            say(f"FAILED {failure}")
        if not self.passed and not self.failures:
            say("nothing was run")
        say(
            f"{self.passed} passed, {len(self.failures)} failed, "
            f"{len(self.skips)} skipped"
        )
        return 0 if self.passed and not self.failures else 1


def say(text):
    print(text, flush=True)


# Processes.


def children():
    """Returns the ids of this process's children."""
    path = f"/proc/self/task/{os.getpid()}/children"
    with open(path, encoding="ascii") as stream:
        return [int(pid) for pid in stream.read().split()]


def command_line(pid):
    """Returns what runs as 'pid', or None if nothing does any more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            if stream.read().rpartition(")")[2].split()[0] == "Z":
                return None
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode().strip()
    except OSError:
        return None


def end_group(process, grace_s):
    """Ends 'process' and its group: asks as Ctrl-C does, waits, then kills."""
    for signum in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)


def end_leftovers():
    """Ends what a program left behind, its children's children too, and
    returns their command lines.  What is about to end by itself may do so."""
    found = []
    patience = time.monotonic() + LEFTOVER_S
    while True:
        for pid in children():
            command = command_line(pid)
            if command is not None and time.monotonic() >= patience:
                found.append(command)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                command = None
            if command is None:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        if not children():
            return found
        time.sleep(0.02)


def run_program(args, env, timeout_s, grace_s=2.0, log=None):
    """Runs a program to its end, in BUILD and a session of its own.

    Its output goes to the file 'log', or to ours with None.  Returns its exit
    status (negative: the signal that killed it) or None after 'timeout_s'."""
    with contextlib.ExitStack() as stack:
        output = log and stack.enter_context(open(log, "wb"))
        process = subprocess.Popen(
            args,
            cwd=BUILD,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            end_group(process, grace_s)
            return None
        except BaseException:
            end_group(process, grace_s)
            raise


def test_environment(log_path=None):
    """The environment of tests.  With 'log_path' sanitizers write there, with
    the process id appended, instead of to stderr."""
    common = f":log_path={log_path}" if log_path else ""
    # What the user's own pytest is told must not change these tests.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return dict(
        env,
        ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1" + common,
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1" + common,
        CMOCKA_MESSAGE_OUTPUT="TAP",
        FIRSTHOP_BUILD=BUILD,
        LC_ALL="C.UTF-8",
        PYTHONDONTWRITEBYTECODE="1",
        top_builddir=BUILD,
        top_srcdir=TOP,
    )


# The build.


def configure_command():
    """Returns how to configure; another libopenvswitch makes it another."""
    prefix = subprocess.run(
        [
            os.path.join(TOP, "build-aux", "build-openvswitch"),
            "--print-prefix",
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return CONFIGURE + ["--with-openvswitch=" + prefix.stdout.strip()]


# Shell text that configures with "$@" unless that has been done.
CONFIGURE_ONCE = """
    test -f config.status && test "$(cat configured)" = "$*" && exit 0
    test ! -f Makefile || make clean
    rm -f configured
    "$@" && echo "$*" >configured
"""


def build_steps():
    """Yields the commands that bring the build up to date."""
    made = [os.path.join(TOP, name) for name in ("configure", "Makefile.in")]
    # Once they are there, make itself keeps them up to date.
    if not all(map(os.path.exists, made)):
        yield [os.path.join(TOP, "autogen.sh")]
    yield ["sh", "-c", CONFIGURE_ONCE, "sh"] + configure_command()
    jobs = f"-j{os.cpu_count() or 1}"
    yield ["make", jobs, "all"]
    # Builds all check programs and runs none.
    yield ["make", jobs, "check-am", "TESTS="]


def build():
    """Builds everything; returns whether that worked."""
    if os.path.exists(os.path.join(TOP, "config.status")):
        say("the source tree is configured: run `make distclean` there first")
        return False
    log = os.path.join(RESULTS, "build.log")
    open(log, "wb").close()
    step_log = os.path.join(RESULTS, "build-step.log")
    for step in build_steps():
        shown = [os.path.basename(arg) for arg in step if "\n" not in arg]
        say("build: " + " ".join(shown[:6]))
        status = run_program(step, os.environ, 3600, log=step_log)
        with open(step_log, "rb") as source, open(log, "ab") as sink:
            shutil.copyfileobj(source, sink)
        if status:
            say(tail(step_log, 60))
            say(f"the build failed; the whole log is {log}")
            return False
    return True


def list_tests():
    """Returns pairs of kind (unit, script, fuzz) and path as make knows it."""
    listing = subprocess.run(
        ["make", "-s", "-C", BUILD, "--no-print-directory", "list-tests"],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [line.split() for line in listing.stdout.splitlines()]


def make_variable(name):
    """Returns the value that configure found."""
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as stream:
        for line in stream:
            key, equals, value = line.partition(" = ")
            if equals and key == name:
                return value.strip()
    return ""


# Programs.


def tail(path, n_lines):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return "".join(stream.readlines()[-n_lines:]).rstrip()


TAP_LINE = re.compile(r"(not ok|ok)\b *(\d+)?[ -]*(.*)")


def parse_tap(text):
    """Returns the planned number of tests, None without a plan, and a list of
    (result, name), result being "passed", "failed" or "skipped"."""
    planned = None
    results = []
    for line in text.splitlines():
        plan = re.fullmatch(r"1\.\.(\d+)", line.strip())
        if plan:
            planned = (planned or 0) + int(plan.group(1))
            continue
        match = TAP_LINE.match(line)
        if not match:
            continue
        # cmocka says "not ok 1 # SKIP name", TAP "ok 1 - name # SKIP why".
        name, skip, why = match.group(3).partition("# SKIP")
        if skip:
            results.append(("skipped", f"{name} {why}".strip()))
        elif match.group(1) == "ok":
            results.append(("passed", name))
        else:
            results.append(("failed", name))
    return planned, results


def explain_status(status):
    if status is None:
        return f"not done after {PROGRAM_TIMEOUT_S} s"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def count_program(tally, name, status, output):
    """Adds what a program said about itself; returns (passed, failed,
    skipped) and never trusts a good word with a bad exit status."""
    planned, results = parse_tap(output)
    before = len(tally.failures), len(tally.skips), tally.passed
    if planned is None:
        if status == 77:
            lines = output.strip().splitlines()
            tally.skip(name, lines[-1] if lines else "")
        elif status == 0:
            tally.passed += 1
    for result, test in results if planned is not None else []:
        if result == "passed":
            tally.passed += 1
        elif result == "skipped":
            tally.skip(name, test)
        else:
            tally.fail(f"{name}: {test}")
    said_failed = len(tally.failures) > before[0]
    if planned is not None and len(results) != planned:
        tally.fail(
            f"{name}: {len(results)} of {planned} tests, then "
            + explain_status(status)
        )
    elif status not in (0, 77) and not said_failed:
        tally.fail(f"{name}: {explain_status(status)}")
    return (
        tally.passed - before[2],
        len(tally.failures) - before[0],
        len(tally.skips) - before[1],
    )


def run_search(tally):
    """Builds the fuzz targets once more, with clang, and searches."""
    path = os.path.join("tests", "fuzz", "search")
    arguments = ("--seconds", str(SEARCH_S))
    arguments += ("--build", os.path.join(BUILD, "fuzz"))
    run_workers([f"script {path}"], lambda job: run_job(job, *arguments), 1)
    count_job(tally, path)


def run_programs(tally, programs):
    """Runs pairs of kind and path, some at a time."""
    first = [p for p in programs if os.path.basename(p[1]) in LONGEST]
    rest = [p for p in programs if p not in first]
    jobs = [f"{kind} {path}" for kind, path in first + rest]
    try:
        run_workers(jobs, run_job, os.cpu_count() or 1)
    finally:
        for _, path in programs:
            count_job(tally, path)


def read_log(name):
    path = os.path.join(RESULTS, name + ".log")
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def run_job(job, *args):
    """Runs one program, "KIND PATH", and notes how it ended."""
    kind, path = job.split()
    name = os.path.basename(path)
    log = os.path.join(RESULTS, name + ".log")
    directory = TOP if kind == "script" else BUILD
    env = test_environment()
    env["OPENVSWITCH_LIBS"] = make_variable("OPENVSWITCH_LIBS")
    env["NM"] = make_variable("NM")
    started = time.monotonic()
    status = run_program(
        [os.path.join(directory, path), *args],
        env,
        PROGRAM_TIMEOUT_S,
        log=log,
    )
    took_s = time.monotonic() - started
    counts = count_program(Tally(), name, status, read_log(name))
    say(
        f"{kind:6} {name:32} {counts[0]:4} passed {counts[1]:3} failed "
        f"{counts[2]:3} skipped  {took_s:6.1f} s"
        + ("\n" + tail(log, 60) if counts[1] else "")
    )
    note_outcome(os.path.join(RESULTS, name), status, took_s)


def note_outcome(path, status, took_s):
    """For the process that counts: and what was left behind."""
    with open(path + ".outcome", "w", encoding="utf-8") as stream:
        outcome = {"status": status, "took_s": took_s}
        json.dump({**outcome, "left": end_leftovers()}, stream)


def read_outcome(tally, path, name):
    """Returns what was noted, or None, which is a failure."""
    try:
        with open(path + ".outcome", encoding="utf-8") as stream:
            return json.load(stream)
    except OSError:
        tally.fail(f"{name}: it did not come to its end")
        return None


def count_job(tally, path):
    """Adds what became of one program."""
    name = os.path.basename(path)
    outcome = read_outcome(tally, os.path.join(RESULTS, name), name)
    if outcome is None:
        return
    count_program(tally, name, outcome["status"], read_log(name))
    for command in outcome["left"]:
        tally.fail(f"{name}: left a process behind: {command}")


def check_leftovers(tally, name):
    for command in end_leftovers():
        tally.fail(f"{name}: left a process behind: {command}")


# System tests.


def count_junit(tally, path):
    """Adds the results of a pytest run; returns whether there were any."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return False
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.fail(name)
        elif skipped is not None:
            tally.skip(name, skipped.get("message"))
        else:
            tally.passed += 1
    return True


def count_sanitizer_reports(tally, prefix):
    """A report of a sanitizer is a failure, whatever its test says."""
    directory = os.path.dirname(prefix)
    for name in sorted(os.listdir(directory)):
        if name.startswith(os.path.basename(prefix) + "."):
            path = os.path.join(directory, name)
            say(tail(path, 80))
            tally.fail(f"a sanitizer reports in {path}")


def pytest_command(*arguments):
    directory = os.path.join(TOP, "tests", "system")
    return [
        *("/usr/bin/python3", "-m", "pytest", "--color=no"),
        *("-p", "no:cacheprovider", "--rootdir", directory),
        *arguments,
    ]


def collect_system_tests(expression):
    """Returns {file: number of tests} of those that fit, or None if pytest
    cannot read them; its words are shown then."""
    log = os.path.join(RESULTS, "collect.log")
    chosen = ["-k", expression] if expression else []
    status = run_program(
        pytest_command("--collect-only", "-q", *chosen, SYSTEM_TESTS),
        test_environment(),
        PROGRAM_TIMEOUT_S,
        log=log,
    )
    # 5: no test was found or chosen.
    if status not in (0, 5):
        say(tail(log, 60))
        return None
    counts = {}
    with open(log, encoding="utf-8") as stream:
        for line in stream:
            path, separator, _ = line.partition("::")
            if separator:
                name = os.path.basename(path)
                counts[name] = counts.get(name, 0) + 1
    return counts


def known_seconds():
    """Returns {file: seconds} of the last run, as far as is known."""
    with contextlib.suppress(OSError, ValueError):
        with open(TIMES, encoding="ascii") as stream:
            return json.load(stream)
    return {}


def longest_first(names):
    """Returns the files in the order to begin them: what takes long must not
    come last.  LONGEST tells of what has not run yet."""
    seconds = known_seconds()

    def length(name):
        if name in seconds or name not in LONGEST:
            return seconds.get(name, 0)
        return 1000 - LONGEST.index(name)

    return sorted(names, key=length, reverse=True)


def run_system_file(name, expression):
    """Runs one file of system tests and notes how it ended."""
    junit = os.path.join(RESULTS, f"system-{name}.xml")
    log = os.path.join(RESULTS, f"system-{name}.log")
    chosen = ["-k", expression] if expression else []
    started = time.monotonic()
    status = run_program(
        pytest_command(
            *("-v", "--junitxml", junit, *chosen),
            os.path.join(SYSTEM_TESTS, name),
        ),
        test_environment(SANITIZER_REPORTS),
        None,
        grace_s=CLEAN_UP_S,
        log=log,
    )
    took_s = time.monotonic() - started
    with open(log, encoding="utf-8", errors="replace") as stream:
        say(stream.read() + f"system {name}: {took_s:.1f} s")
    note_outcome(junit, status, took_s)


# Workers.


def start_worker(queue, run):
    """Forks a process that calls run() with the texts that it reads from the
    pipe 'queue'; orphans of what it starts come to it.  Returns its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    # Whatever happens, no second copy of this program goes on from here.
    try:
        become_subreaper()
        while True:
            record = os.read(queue, RECORD_BYTES)
            if not record:
                break
            run(record.decode().strip())
    except Interrupted:
        end_leftovers()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        # What has not come to its end is noticed: it has no outcome.
        os._exit(0)


def run_workers(jobs, run, n_workers):
    """Calls run() with each of the texts 'jobs', 'n_workers' at a time, each
    in a process of its own."""
    queue, entrance = os.pipe()
    os.set_inheritable(queue, False)
    for job in jobs:
        os.write(entrance, job.ljust(RECORD_BYTES).encode())
    os.close(entrance)
    workers = {
        start_worker(queue, run) for _ in range(min(n_workers, len(jobs)))
    }
    os.close(queue)
    try:
        while workers:
            workers.discard(os.wait()[0])
    except Interrupted:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in workers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        raise


def count_system_file(tally, name, wanted):
    """Adds what became of one file, of which 'wanted' tests were to run."""
    junit = os.path.join(RESULTS, f"system-{name}.xml")
    before = len(tally.failures)
    counted = tally.passed + before + len(tally.skips)
    has_results = count_junit(tally, junit)
    counted = tally.passed + len(tally.failures) + len(tally.skips) - counted
    outcome = read_outcome(tally, junit, name)
    if outcome is None:
        return None
    if not has_results or counted != wanted:
        tally.fail(
            f"{name}: {counted} of {wanted} tests, "
            + explain_status(outcome["status"])
        )
    elif outcome["status"] and len(tally.failures) == before:
        tally.fail(f"{name}: {explain_status(outcome['status'])}")
    for command in outcome["left"]:
        tally.fail(f"{name}: left a process behind: {command}")
    return outcome["took_s"]


def failed_beside_others(tally, names, counts):
    """Returns those of the files whose run was not whole and clean, and
    takes their results away: what comes of them alone counts."""
    failed = []
    for name in names:
        trial = Tally()
        count_system_file(trial, name, counts[name])
        if trial.failures:
            failed.append(name)
            tally.agains += [
                f"{what}, beside others" for what in trial.failures
            ]
            junit = os.path.join(RESULTS, f"system-{name}.xml")
            for path in (junit, junit + ".outcome"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
    return failed


def run_system_tests(tally, expression, n_workers):
    """Some files at a time: they share nothing but the machine, since names
    of namespaces and directories carry process ids."""
    if os.geteuid() != 0:
        tally.skip("tests/system", "needs root, for network namespaces")
        return
    counts = collect_system_tests(expression)
    if counts is None:
        tally.fail("tests/system: pytest cannot read the tests")
        return
    names = longest_first(counts)

    def run(name):
        run_system_file(name, expression)

    try:
        together = [n for n in names if n not in ALONE]
        run_workers(together, run, n_workers)
        run_workers([n for n in names if n in ALONE], run, 1)
        if n_workers > 1:
            again = failed_beside_others(tally, together, counts)
            run_workers(again, run, 1)
    finally:
        count_sanitizer_reports(tally, SANITIZER_REPORTS)
        seconds = {
            name: count_system_file(tally, name, counts[name])
            for name in names
        }
    if not expression and None not in seconds.values():
        with open(TIMES, "w", encoding="ascii") as stream:
            json.dump(seconds, stream)
    check_leftovers(tally, "tests/system")


# The whole.


def matcher(expression):
    """Returns a function that tells whether a name fits EXPR, which is words,
    "and", "or", "not" and parentheses, as pytest's -k."""
    if not expression:
        return lambda name: True
    tokens = re.findall(r"[()]|[^\s()]+", expression)

    def match(name):
        terms = [
            token
            if token in ("and", "or", "not", "(", ")")
            else str(token.lower() in name.lower())
            for token in tokens
        ]
        return bool(eval(" ".join(terms), {"__builtins__": {}}))

    return match


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Builds with sanitizers and runs the tests.  Without "
        "--unit, --search or --system: all of them.",
    )
    parser.add_argument(
        "--unit",
        action="store_true",
        help="unit tests, transcripts, checks of the tree and fuzz runs",
    )
    parser.add_argument(
        "--system",
        action="store_true",
        help="tests with real bridges and clients (root)",
    )
    parser.add_argument(
        "--search",
        action="store_true",
        help="a search for inputs that break a fuzz target (clang)",
    )
    parser.add_argument(
        "-k",
        metavar="EXPR",
        help="only test programs and system tests whose names fit, as in "
        "pytest: '-k \"flow and not diff\"'",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        default=WORKERS,
        help=f"files of system tests at a time [{WORKERS}]",
    )
    arguments = parser.parse_args()
    if arguments.workers < 1:
        parser.error("--workers takes a number from 1")
    try:
        matcher(arguments.k)("")
    except SyntaxError:
        parser.error(f"cannot read the expression {arguments.k!r}")
    return arguments


def run_all(tally, arguments):
    everything = not (arguments.unit or arguments.search or arguments.system)
    if not build():
        tally.fail("build")
        return
    if arguments.unit or everything:
        fits = matcher(arguments.k)
        run_programs(tally, [test for test in list_tests() if fits(test[1])])
    if arguments.search or everything:
        run_search(tally)
    if arguments.system or everything:
        run_system_tests(tally, arguments.k, arguments.workers)


def on_signal(signum, _frame):
    # Once is enough; the way out must not be interrupted.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(signal.Signals(signum).name)


def become_subreaper():
    """Orphans of what we start come to us and not to init."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def clear_results():
    shutil.rmtree(RESULTS, ignore_errors=True)
    os.makedirs(RESULTS)


def main():
    arguments = parse_arguments()
    tally = Tally()
    become_subreaper()
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "lock"), "w", encoding="ascii") as lock:
        try:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signum, on_signal)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another run in {BUILD}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            clear_results()
            run_all(tally, arguments)
        except Interrupted as interrupted:
            tally.fail(f"interrupted by {interrupted}")
        finally:
            end_leftovers()
        return tally.report()


if __name__ == "__main__":
    sys.exit(main())
