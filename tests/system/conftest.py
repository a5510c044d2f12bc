"""Fixtures of the system tests: see harness.py in tests/lab for what a Lab is.

The tests call the modules of tests/lab, which is the package firsthop.lab, by
their own names: `import harness`, `from netns import run`.
"""

import importlib
import os
import pkgutil
import signal
import sys

import pytest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "python"))

# pylint: disable=wrong-import-position
import firsthop.lab  # noqa: E402

for module in pkgutil.iter_modules(firsthop.lab.__path__):
    sys.modules[module.name] = importlib.import_module(
        f"firsthop.lab.{module.name}"
    )

import dhcplab  # noqa: E402
import harness  # noqa: E402
from netns import sweep  # noqa: E402


def pytest_sessionstart():
    missing = harness.require_tools()
    if missing:
        pytest.exit(missing, returncode=2)
    sweep()
    signal.signal(signal.SIGTERM, _leave)


def _leave(_signum, _frame):
    """Fixtures are torn down as for Ctrl-C."""
    raise KeyboardInterrupt


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Adds the state of the lab to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    lab = getattr(item, "funcargs", {}).get("lab") or getattr(
        item, "funcargs", {}
    ).get("article")
    if report.when == "call" and report.failed and lab is not None:
        report.sections.append(("lab", lab.explain()))


@pytest.fixture
def lab():
    """An empty lab."""
    laboratory = harness.Lab()
    yield laboratory
    laboratory.close()


@pytest.fixture
def article(lab):
    """The article's topology with firsthopd running and both clients settled:
    article.a, article.b, article.c, article.d, article.server."""
    harness.build_article(lab)
    lab.start_daemon()
    lab.settle(lab.c, lab.d)
    return lab


@pytest.fixture(params=["dnsmasq", "kea"])
def served(lab, request):
    """The article's topology, with a DHCP server of either kind, lab.dhcp, and
    DHCP relayed to it."""
    harness.build_article(lab)
    dhcplab.serve(lab, request.param)
    yield lab
    lab.dhcp.stop()
