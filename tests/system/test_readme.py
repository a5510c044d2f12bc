"""The configurations that the README shows are good ones."""

import json
import os
import re
import subprocess

from firsthopd import default_build

README = os.path.join(os.path.dirname(__file__), "../../README.md")


def blocks():
    """The JSON that the README shows: a whole configuration, segments that
    may be put into it, what TLS needs, and one of several controllers."""
    with open(README, encoding="utf-8") as file:
        return re.findall(r"```json\n(.*?)```", file.read(), re.S)


def test_configurations_are_valid(tmp_path):
    whole, segments, tls, cluster = blocks()
    config = json.loads(whole)
    config["segments"].update(json.loads("{" + segments + "}"))
    config.update(json.loads("{" + tls + "}"))
    config.update(json.loads("{" + cluster + "}"))
    path = tmp_path / "firsthop.json"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [default_build() + "/firsthopd", "--check", "--config", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
