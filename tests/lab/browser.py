"""A browser: headless Chromium, driven over the WebDriver protocol.

    with Browser(netns) as page:
        page.open("http://127.0.0.1:8080/")
        page.wait_text("#tiles", "2 of 2")
        page.click("#pause")
"""

import base64
import contextlib
import http.client
import json
import os
import shutil
import tempfile

from .netns import entered, popen, wait_for

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
PORT = 9515
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Nothing is looked for outside of this machine, and root may run it.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

nowhere = contextlib.nullcontext


def missing():
    """Why there is no browser, or None."""
    for path in (CHROMIUM, DRIVER):
        if not os.access(path, os.X_OK):
            return f"{path} is not installed (chromium, chromium-driver)"
    return None


class Browser:
    """One window, in a network namespace or (None) this one, gone when the
    block ends."""

    def __init__(self, netns, width=1400, height=1000, dark=False):
        self.netns = netns
        self.size = (width, height)
        self.dark = dark
        self.directory = tempfile.mkdtemp(prefix="fhbrowser-")
        self.driver = None
        self.session = None

    def __enter__(self):
        log = os.path.join(self.directory, "driver.log")
        with open(log, "w", encoding="utf-8") as file:
            self.driver = popen(
                [DRIVER, f"--port={PORT}"],
                netns=self.netns,
                stdout=file,
                stderr=file,
            )
        wait_for(self._is_ready, 30, "chromedriver to be ready")
        flags = FLAGS + [
            f"--user-data-dir={self.directory}/profile",
            f"--window-size={self.size[0]},{self.size[1]}",
        ]
        if self.dark:
            flags.append("--blink-settings=preferredColorScheme=0")
        options = {"binary": CHROMIUM, "args": flags}
        answer = self._command(
            "POST",
            "/session",
            {
                "capabilities": {
                    "alwaysMatch": {
                        "goog:chromeOptions": options,
                        "goog:loggingPrefs": {"browser": "ALL"},
                    }
                }
            },
        )
        self.session = answer["sessionId"]
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self._in_session("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    # What a person does.

    def open(self, url):
        self._in_session("POST", "/url", {"url": url})

    def click(self, selector):
        self._on(selector, "POST", "/click", {})

    def type(self, selector, text):
        self._on(selector, "POST", "/value", {"text": text})

    def press(self, keys):
        """Keys on whatever has the focus."""
        actions = [
            {"type": kind, "value": key}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        self._in_session(
            "POST",
            "/actions",
            {"actions": [{"type": "key", "id": "k", "actions": actions}]},
        )

    # What a person sees.

    def text(self, selector):
        return self.run(
            "const e = document.querySelector(arguments[0]);"
            "return e && !e.hidden ? e.innerText : ''",
            selector,
        )

    def wait_text(self, selector, text, timeout=20):
        return wait_for(
            lambda: text in self.text(selector),
            timeout,
            f"{selector} to say {text!r}",
            lambda: f"it says {self.text(selector)!r}\n{self.complaints()}",
        )

    def run(self, script, *args):
        """What a script returns."""
        return self._in_session(
            "POST", "/execute/sync", {"script": script, "args": list(args)}
        )

    def complaints(self):
        """What the browser has written to its console so far."""
        return self._in_session("POST", "/se/log", {"type": "browser"})

    def screenshot(self, path):
        data = self._in_session("GET", "/screenshot")
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    # Inside.

    def _is_ready(self):
        try:
            return self._command("GET", "/status")["ready"]
        except OSError:
            return False

    def _on(self, selector, method, path, body):
        """On the element that the selector names, which a live page may
        replace at any time."""
        find = {"using": "css selector", "value": selector}
        while True:
            element = self._in_session("POST", "/element", find)[ELEMENT]
            try:
                return self._in_session(
                    method, f"/element/{element}{path}", body
                )
            except RuntimeError as error:
                if "stale element" not in str(error):
                    raise

    def _in_session(self, method, path, body=None):
        return self._command(method, f"/session/{self.session}{path}", body)

    def _command(self, method, path, body=None):
        with entered(self.netns.path) if self.netns else nowhere():
            connection = http.client.HTTPConnection(
                "127.0.0.1", PORT, timeout=60
            )
            connection.connect()
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text)
            value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{method} {path}: {value['message'][:300]}")
        return value
