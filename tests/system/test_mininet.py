"""firsthop.mininet: its topologies break and recover, Mininet's own command
takes it, a sweep tells what came out.

Each program runs in namespaces of its own (isolation.py); what is asserted is
who recovers and who is spared, not how fast."""

import csv
import json
import os
import re
import subprocess
import xml.etree.ElementTree

import pytest

from firsthop.lab.firsthopd import TOP, default_build

pytest.importorskip("mininet.net")

MININET = os.path.join(TOP, "mininet")
PYTHON = "/usr/bin/python3"
TIMEOUT_S = 180

# `mn' that fails removes /tmp/*.log, of everybody.
PRIVATE_TMP = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /mnt
case $PWD in
/tmp/*)
    mkdir -p "/mnt/${PWD#/tmp/}"
    mount --bind "$PWD" "/mnt/${PWD#/tmp/}"
    ;;
esac
mount --move /mnt /tmp
cd "$PWD"
exec "$@"
"""


def run(*args, status=0):
    """Runs a program in the source tree and returns all that it says."""
    done = subprocess.run(
        [str(arg) for arg in args],
        cwd=os.path.realpath(TOP),
        env=dict(
            os.environ,
            FIRSTHOP_BUILD=default_build(),
            PYTHONPATH=os.path.join(TOP, "python"),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == status
    return done.stdout


def outages(text):
    """{fault: {client: ms}} of what run_faults() says."""
    found = {}
    for title, rest in re.findall(r"(\w\S*.*?) +cut off, ms: (.*)", text):
        words = rest.split()
        found[title] = dict(zip(words[::2], map(float, words[1::2])))
    return found


def test_mn_runs_the_article():
    text = run(
        *"unshare --net --pid --mount --fork --mount-proc".split(),
        *("--kill-child", "sh", "-c", PRIVATE_TMP, "sh"),
        *f"mn --custom {MININET}/topology.py --topo article".split(),
        *"--controller firsthop --switch firsthop --test failover".split(),
    )
    assert "Caught exception" not in text
    assert text.count("repaired") == 6
    silent = outages(text)["X-Y cut, silent"]
    assert silent["C"] > 0
    assert silent["D"] == 0


@pytest.mark.parametrize(
    "topology,fault,hit,spared",
    [
        ("ring,5", "A killed", ("c1", "c3"), ()),
        ("tree", "root-a1 cut, silent", ("c11", "c12"), ("c21", "c22")),
        ("leafspine", "A killed", ("c1", "c3"), ()),
        ("customers", "X-Y cut, silent", ("red1", "blue2"), ()),
        ("routers,10", "r1-X cut, silent", ("C", "D"), ()),
    ],
)
def test_who_is_hit_recovers(topology, fault, hit, spared):
    text = run(PYTHON, "-m", "firsthop.mininet", topology)
    lost = outages(text)[fault]
    assert all(lost[client] > 0 for client in hit)
    assert all(lost[client] == 0 for client in spared)


def test_cables_are_recorded(tmp_path):
    """C's pings of the gateway pass the cable Y-C."""
    run(PYTHON, "-m", "firsthop.mininet", "--pcap", tmp_path, "routers,2")
    assert {path.name for path in tmp_path.iterdir()} >= {
        "X-C.pcap",
        "X-r1.pcap",
        "core-S.pcap",
    }
    shown = run("tcpdump", "-n", "-r", tmp_path / "X-C.pcap", "arp")
    assert "who-has 10.0.0.10" in shown


def readme_experiment():
    """The experiment that mininet/README.md shows."""
    with open(os.path.join(MININET, "README.md"), encoding="utf-8") as file:
        return re.findall(r"```python\n(.*?)```", file.read(), re.S)[-1]


def test_the_experiment_of_the_readme_answers_its_question(tmp_path):
    program = tmp_path / "mine.py"
    program.write_text(readme_experiment())
    assert len(readme_experiment().splitlines()) <= 20
    text = run(PYTHON, program, "--repeat", 1, "--seed", 7, "--out", tmp_path)
    assert "seed 7" in text
    with open(tmp_path / "mine.json", encoding="utf-8") as file:
        result = json.load(file)
    assert result["header"]["seed"] == 7
    assert {"machine", "kernel", "openvswitch"} < set(result["header"])
    hit = [row for row in result["rows"] if row["hit"]]
    assert hit and all(row["recovered"] for row in hit)
    with open(tmp_path / "mine.csv", encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("# ")]
    assert len(list(csv.DictReader(lines))) == len(result["rows"])
    drawn = xml.etree.ElementTree.parse(tmp_path / "mine.svg")
    titles = [e.text for e in drawn.iter() if e.tag.endswith("}text")]
    assert result["header"]["question"] in titles


def test_every_experiment_asks_one_question():
    listed = run(os.path.join(MININET, "run"))
    for name in os.listdir(os.path.join(MININET, "experiments")):
        if name.endswith(".py"):
            assert re.search(rf"^  {name[:-3]} +\S", listed, re.M)
            path = os.path.join(MININET, "experiments", name)
            assert "--repeat" in run(PYTHON, path, "--help")


INSTALLED = """
import firsthop, firsthop.types, firsthop.mininet, os
from firsthop.lab.firsthopd import default_build
from firsthop.lab.meter import meter_binary
print(os.path.dirname(firsthop.__file__))
print(default_build())
print(os.path.normpath(meter_binary(".")))
print("Status" in dir(firsthop.types))
"""


def test_what_is_installed_is_whole(tmp_path):
    """The package finds its programs, without the source tree."""
    root = tmp_path / "root"
    run("make", "-s", "-C", default_build(), "install", f"DESTDIR={root}")
    (package,) = root.glob("**/dist-packages/firsthop")
    sbin = next(root.glob("**/sbin"))
    libexec = next(root.glob("**/libexec"))
    env = dict(
        os.environ,
        PATH=f"{sbin}:{os.environ['PATH']}",
        PYTHONPATH=str(package.parent),
    )
    env.pop("FIRSTHOP_BUILD", None)
    done = subprocess.run(
        [PYTHON, "-c", INSTALLED],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        str(package),
        str(sbin),
        f"{libexec}/firsthop/udpmeter",
        "True",
    ]
