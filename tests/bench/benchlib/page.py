"""The live page with many clients, in headless Chromium."""

import os
import time

from benchlib.figures import Figure
from benchlib.tools import (
    BenchError,
    FirsthopController,
    cpu_seconds,
    loadgen,
)
from firsthop.lab import browser

ENTER = "\ue007"
TICK_MS = 20
# What the page does not react to waits in the same queue as this.
WATCH = f"""
window.gap = 0;
let last = performance.now();
setInterval(() => {{
  const now = performance.now();
  window.gap = Math.max(window.gap, now - last - {TICK_MS});
  last = now;
}}, {TICK_MS});
"""


def _picture(window, name):
    directory = os.environ.get("FIRSTHOP_SCREENSHOTS")
    if directory:
        window.screenshot(os.path.join(directory, f"{name}.png"))


def _elapsed_ms(action):
    before = time.monotonic()
    action()
    return 1000 * (time.monotonic() - before)


def _look(window, generator, controller, hosts):
    """A quiet network, a client's story, then all clients move."""
    url, pid = controller.url, controller.pid
    clients = controller.daemon.get("/v1/clients?limit=1")["clients"]
    address = clients[0]["address"]

    def load():
        window.open(url)
        window.wait_text("#tiles", f"{hosts:,}\nclients served", 60)
        window.wait_text("#link", "live")

    def find():
        window.press("/")
        window.press(address + ENTER)
        window.wait_text("#story", "active, on R00", 60)

    def move():
        generator.do("kill", 0)
        window.wait_text("#routers", f"R01\tserves\t{hosts:,}", 120)
        window.wait_text("#story", "active, on R01", 60)

    result = {"load_ms": _elapsed_ms(load)}
    window.run(WATCH)
    before = cpu_seconds(pid)
    run = generator.do("run", 5)
    result["cpu_percent"] = 100 * (cpu_seconds(pid) - before) / run["seconds"]
    _picture(window, f"{hosts}-quiet")
    result["story_ms"] = _elapsed_ms(find)
    result["quiet_gap_ms"] = window.run("return window.gap")
    result["move_ms"] = _elapsed_ms(move)
    _picture(window, f"{hosts}-moved")
    result["longest_gap_ms"] = window.run("return window.gap")
    result["elements"] = window.run(
        "return document.getElementsByTagName('*').length"
    )
    result["heap_mib"] = window.run(
        "return performance.memory.usedJSHeapSize / 1048576"
    )
    return result


def page(quick):
    """What a person sees of many clients, and how long it takes."""
    hosts = 10000 if quick else 100000

    def chromium():
        if browser.missing():
            raise BenchError(browser.missing())
        with FirsthopController(
            page=True, priorities=(200, 100)
        ) as controller, loadgen(controller.port, hosts=hosts) as generator:
            generator.do("connect")
            generator.do("learn", hosts)
            controller.wait_reachable([hosts, hosts])
            with browser.Browser(None) as window:
                return _look(window, generator, controller, hosts)

    return Figure(
        "page",
        f"the live page with {hosts} active clients, all of whom move",
        {"chromium": chromium},
        {
            "load_ms": "ms",
            "story_ms": "ms",
            "move_ms": "ms",
            "quiet_gap_ms": "ms",
            "longest_gap_ms": "ms",
            "elements": "",
            "heap_mib": "MiB",
            "cpu_percent": "% of a core",
        },
        None,
        [],
    )
