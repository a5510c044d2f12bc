"""Does the live page show the network, and change it only when asked twice?

Headless Chromium on the article's topology.  FIRSTHOP_SCREENSHOTS=DIR keeps
pictures."""

import os

import pytest

import browser

LISTEN = "127.0.0.1:8080"
TOKEN = "a-token-of-some-length"
ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"


def start_with_page(lab):
    path = os.path.join(lab.directory, "token")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TOKEN + "\n")
    os.chmod(path, 0o640)
    config = lab.config()
    config["api"] = {
        "listen": LISTEN,
        "token_file": path,
        "read_without_token": True,
    }
    lab.daemon.configure(config)
    lab.daemon.restart()
    lab.wait_connected()
    for client in (lab.c, lab.d):
        lab.wait_reach(client, lab.b)
        lab.wait_active(client, lab.a)


@pytest.fixture
def page(article):
    why = browser.missing()
    if why:
        pytest.skip(f"no browser, the live page is not tested: {why}")
    start_with_page(article)
    with browser.Browser(
        article.netns, dark="FIRSTHOP_DARK" in os.environ
    ) as window:
        window.open(f"http://{LISTEN}/")
        window.wait_text("#link", "live")
        window.wait_text("#routers", "serves")
        yield window
        # A breach of the policy, or an exception, is written there, beside
        # every answer that is an error.
        assert not [
            line
            for line in window.complaints()
            if line["level"] == "SEVERE" and line["source"] != "network"
        ]


def picture(page, name):
    directory = os.environ.get("FIRSTHOP_SCREENSHOTS")
    if directory:
        page.screenshot(os.path.join(directory, f"{name}.png"))


def find(page, address):
    page.press("/")
    page.press(address + ENTER)
    page.wait_text("#client", address)


def test_a_quiet_network_is_shown(page, article):
    page.wait_text("#tiles", "2\nclients served")
    page.wait_text("#tiles", "2 of 2\nrouters connected")
    page.wait_text("#routers", "A\tserves\t2\t2\tall up")
    page.wait_text("#routers", "B\tstandby\t0\t2\tall up")
    page.wait_text("#paths", "A – B\tmetro\tup")
    page.wait_text("#events", "router.connected A")
    title = page.run("return document.querySelector('svg title').textContent")
    assert "A serves, active for 2; B standby, active for 0" in title
    assert "1 segments: metro, 2 clients. 0 broken paths." in title
    picture(page, "quiet")


def test_a_broken_network_is_shown_as_it_breaks(page, article):
    find(page, "10.0.0.10")
    page.wait_text("#story", "active, on A")
    article.links["X", "Y"].silence()
    article.wait_active(article.c, article.b)
    page.wait_text("#events", "client.moved 10.0.0.10 A → B on metro")
    page.wait_text("#events", "path.lost")
    page.wait_text("#story", "active, on B")
    page.wait_text("#story", "moved, A → B, because: unreachable")
    page.wait_text("#routers", "B\tserves\t1")
    page.wait_text("#paths", "lost")
    page.wait_text("#tiles", "2\nclients with one router only")
    picture(page, "broken")
    article.a.kill()
    page.wait_text("#routers", "A\taway")
    page.wait_text("#tiles", "1 of 2\nrouters connected")
    picture(page, "dead")


def test_a_drain_needs_a_token_and_a_yes(page, article):
    page.click("[data-key=drain-A]")
    page.wait_text("#dialog", "Drain A?")
    page.wait_text("#dialog", "2 clients move away: 2 to B.")
    picture(page, "drain")
    page.press(ESCAPE)
    assert page.run("return !document.getElementById('dialog').open")
    page.click("[data-key=drain-A]")
    page.type("#token", "wrong" + ENTER)
    page.wait_text("#d-error", "The token is not right.")
    assert article.daemon.router("A")["admin"] == "up"
    page.type("#token", TOKEN)
    page.click("#d-yes")
    for client in (article.c, article.d):
        article.wait_active(client, article.b)
    page.wait_text("#routers", "A\tdrains\t0")
    page.wait_text("#events", "client.moved")
    page.click("[data-key=drain-A]")
    page.wait_text("#dialog", "Undrain A?")
    page.click("#d-yes")
    page.wait_text("#routers", "A\tstandby\t0")


def test_a_client_is_found_and_moved_by_keyboard_alone(page, article):
    find(page, "10.0.0.99")
    page.wait_text("#story", "there is no client 10.0.0.99")
    page.run("document.getElementById('address').value = ''")
    find(page, "10.0.0.11")
    page.wait_text("#story", "02:00:00:00:01:0b")
    assert page.run("return document.activeElement.id") == "client"
    page.press(TAB)
    assert page.run("return document.activeElement.dataset.key") == "move-B"
    page.press(ENTER)
    page.wait_text("#dialog", "Move 10.0.0.11 to B?")
    page.type("#token", TOKEN + ENTER)
    article.wait_active(article.d, article.b)
    page.wait_text("#story", "active, on B")
    page.wait_text("#story", "moved, A → B, because: manual")


def test_the_page_comes_back_with_the_daemon(page, article):
    article.daemon.stop()
    page.wait_text("#link", "reconnecting")
    page.wait_text("#alarm", "The daemon does not answer.", timeout=30)
    article.daemon.start()
    page.wait_text("#link", "live", timeout=30)
    page.wait_text("#tiles", "2\nclients served", timeout=30)
    article.wait_for(lambda: not page.text("#alarm"), what="no alarm")
