"""A person with a browser: Debian's Chromium, logged in to Airflow's UI, at the page in its frame."""

import json
import shutil

import pytest
from playwright.sync_api import expect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)
USERS = {"admin": "admin", "op": "op", "viewer": "viewer"}
"""Who there is, and by which role of the simple auth manager."""
PLUGIN = "/plugin/stock/stock-sync/"
WIDE, PHONE = (1440, 900), (390, 844)
expect.set_options(timeout=20_000)


def chromium_or_skip():
    """Skip where there is no browser."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: apt-get install chromium")


class PersonAtPage:
    """Somebody at the page.

    Attributes:
        tab: the browser's tab
        page: what is in the frame
        complaints: what scripts threw, and what the page's security policy refused
    """

    def __init__(self, browser, airflow, name="op", *, language="ko", theme="light", size=WIDE):
        self._airflow, self.name = airflow, name
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=language, color_scheme=theme
        )
        self.tab = self._context.new_page()
        self.page = self.tab.frame_locator("iframe")
        self.complaints = []
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self._hear)
        # What a person chose in the UI before; Airflow's own script keeps it there.
        self.tab.add_init_script(f"localStorage.theme ??= {theme!r}; localStorage.i18nextLng ??= {language!r}")

    def _hear(self, message):
        if message.type == "error" and ("Security Policy" in message.text or "stock-sync" in message.location["url"]):
            self.complaints.append(message.text)

    def comes_by(self, address):
        """Follow a link from a message, without being logged in, and log in."""
        self.tab.goto(self._airflow.url + address)
        self.tab.fill("input[name=username]", self.name)
        self.tab.fill("input[name=password]", password_of(self._airflow, self.name))
        self.tab.keyboard.press("Enter")
        self._arrives()
        return self

    def goes_to(self, path=""):
        """Open a part of the page."""
        self.tab.goto(self._airflow.url + PLUGIN + path)
        self._arrives()
        return self

    def goes_straight_to(self, path=""):
        """Open a part of the page without the UI around it, which takes a fraction of the time."""
        self.tab.goto(f"{self._airflow.url}/stock-sync/{path}")
        expect(self.tab.locator("h1")).to_be_visible()
        return self

    def reads(self, text):
        """See that the page says something."""
        expect(self.page.locator("body")).to_contain_text(text)
        return self

    @property
    def frame(self):
        """The frame, for scripts: its address is not told from its parent's."""
        return next(frame for frame in self.tab.frames if frame.parent_frame)

    def fetches(self, address, **options):
        """Ask Airflow something as this person's browser would from the page; return status and answer's text."""
        script = "async ([to, how]) => { const r = await fetch(to, how); return [r.status, await r.text()]; }"
        return tuple(self.frame.evaluate(script, [address, options]))

    def leaves(self):
        """Close the browser's window."""
        self._context.close()

    def _arrives(self):
        expect(self.page.locator("h1")).to_be_visible(timeout=60_000)


def password_of(airflow, name):
    """The password that Airflow made up for a user at its first start."""
    return json.loads((airflow.home / "passwords.json").read_text())[name]
