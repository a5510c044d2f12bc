"""Does controller/api/api.md tell the truth, and all of it?

Runs every command of that page against the article's topology and compares
what is printed; "..." stands for anything.
"""

import json
import os
import re
import subprocess

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SOCKET = "/run/firsthop/control.sock"


def read_page():
    """[(command, expected output)] of all console blocks."""
    with open(
        os.path.join(TOP, "controller/api/api.md"), encoding="utf-8"
    ) as file:
        blocks = re.findall(r"```console\n(.*?)```", file.read(), re.DOTALL)
    steps = []
    for block in blocks:
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            steps.append((command, expected))
    return steps


def pattern(expected):
    """A regular expression: every line as it is, "..." for anything, also
    for several lines."""
    text = re.escape(expected.strip())
    return text.replace(re.escape("..."), ".*?")


def request_of(command):
    """(method, path without query) of a curl command."""
    method = re.search(r"-X (\w+)", command)
    path = re.search(r"http://localhost(/[^'? ]*)", command).group(1)
    default = "PUT" if " -T " in command else "GET"
    return method.group(1) if method else default, path


def is_covered(method, path, requests):
    route = re.sub(r"\{\w+\}", "[^/]+", path)
    return any(
        other == method and re.fullmatch(route, target)
        for other, target in requests
    )


def test_every_route_is_on_the_page():
    with open(
        os.path.join(TOP, "controller/api/openapi.json"), encoding="utf-8"
    ) as file:
        paths = json.load(file)["paths"]
    requests = [request_of(command) for command, _ in read_page()]
    missing = [
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method in item
        if method != "parameters"
        and not is_covered(method.upper(), path, requests)
    ]
    assert not missing


ROUTER_C = {
    "datapath_id": "000000000000000c",
    "mac": "02:00:00:00:00:0c",
    "access_ports": ["c-access"],
    "uplink": {
        "port": "c-uplink",
        "address": "192.0.2.4/24",
        "next_hop": "192.0.2.1",
    },
}


def test_page_tells_the_truth(article):
    path = os.path.join(article.daemon.directory, "router-c.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(ROUTER_C, file)
    for command, expected in read_page():
        real = command.replace(SOCKET, article.daemon.socket_path)
        output = subprocess.run(
            ["bash", "-c", real],
            cwd=article.daemon.directory,
            stdout=subprocess.PIPE,
            timeout=30,
            check=False,
        ).stdout.decode()
        output = output.replace("\r\n", "\n").strip()
        assert re.fullmatch(
            pattern(expected), output, re.DOTALL
        ), f"$ {command}\n{output}"
