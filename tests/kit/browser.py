"""A person with a browser: Debian's Chromium, logged in to Airflow's UI, at the page in its frame."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from stocksync.model.address import deep_link
from tests.kit.paths import ROOT

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
SHOTS = ROOT / "build" / "screens"
"""What the page looked like in the tests."""
CARRIED_OUT = 200_000
"""How long a decision may take, in ms."""
WIDE, PHONE = (1440, 900), (390, 844)
ELSEWHERE = "http://localhost:1"
"""A site of somebody else: no site of Airflow's address."""
FOCUSED = """() => {
    const at = document.activeElement;
    return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent.trim() ?? at.textContent.trim();
}"""
FOREIGN_FETCH = """([to, body]) => fetch(to, {
    method: "POST", body, credentials: "include", headers: {"Content-Type": "application/json"},
}).then(answer => answer.status, () => null)"""
# A form writes name=value: the sign goes into the reason, so that what arrives is JSON.
FOREIGN_FORM = """([to, body]) => {
    const form = document.createElement("form"), field = document.createElement("input");
    Object.assign(form, {method: "POST", action: to, enctype: "text/plain"});
    [field.name, field.value] = body.split("foreign").join("for=eign").split("=");
    form.append(field);
    document.body.append(form);
    form.submit();
}"""
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
        clicked: how often this person has clicked by `clicks`
    """

    def __init__(self, browser, airflow, name="op", *, language="ko", theme="light", size=WIDE):
        self._airflow, self.name, self.clicked = airflow, name, 0
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

    def comes_by(self, path):
        """Follow a link from a message, without being logged in, and log in."""
        self.tab.goto(deep_link(self._airflow.url, path))
        self.tab.fill("input[name=username]", self.name)
        self.tab.fill("input[name=password]", password_of(self._airflow, self.name))
        self.tab.keyboard.press("Enter")
        self._arrives()
        return self

    def goes_to(self, path=""):
        """Open a part of the page."""
        self.tab.goto(deep_link(self._airflow.url, path))
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

    def clicks(self, what):
        """Click, and count it."""
        self.clicked += 1
        what.click()

    def tabs_to(self, name):
        """Press the tabulator until what is called so has the focus."""
        for _ in range(100):
            self.tab.keyboard.press("Tab")
            if self.frame.evaluate(FOCUSED) == name:
                return
        raise AssertionError(f"the keyboard does not reach {name!r}")

    @property
    def will_write(self):
        """The rows of the dialog: what would be written."""
        return self.page.locator("#decide-what tbody tr")

    @property
    def go(self):
        """The dialog's button that makes the decision."""
        return self.page.locator("#decide-go")

    def gives(self, reason):
        """Type a reason into the dialog."""
        self.page.locator("#decide-reason").fill(reason)

    def sees_decision(self, called, *says, state="success"):
        """See what a decision has come to."""
        job = self.page.locator(f"#pending [data-state={state}]", has_text=called)
        expect(job).to_be_visible(timeout=CARRIED_OUT)
        for text in says:
            expect(job).to_contain_text(text)

    def shot(self, name):
        """Keep what the tab looks like."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.tab.screenshot(path=SHOTS / f"{name}.png")

    @property
    def frame(self):
        """The frame, for scripts: its address is not told from its parent's."""
        return next(frame for frame in self.tab.frames if frame.parent_frame)

    def fetches(self, address, **options):
        """Ask Airflow something as this person's browser would from the page; return status and answer's text."""
        script = "async ([to, how]) => { const r = await fetch(to, how); return [r.status, await r.text()]; }"
        return tuple(self.frame.evaluate(script, [address, options]))

    def lured_to_post(self, address, body, how):
        """Visit another site in the same browser, which posts as this person.

        Args:
            address: where to
            body: JSON
            how: `form`, which sends text/plain without asking, or `fetch`

        Returns:
            the answer's status; None: the browser did not let the site see one
        """
        self._context.route(
            f"{ELSEWHERE}/**", lambda route: route.fulfill(body="<h1>Win!</h1>", content_type="text/html")
        )
        tab = self._context.new_page()
        tab.goto(f"{ELSEWHERE}/")
        if how == "fetch":
            return tab.evaluate(FOREIGN_FETCH, [address, body])
        with tab.expect_response(address) as answer:
            tab.evaluate(FOREIGN_FORM, [address, body])
        return answer.value.status

    def posts_without_a_token(self, address, body):
        """Post as somebody who never logged in; return the answer's status."""
        stranger = self._context.browser.new_context()
        answer = stranger.request.post(address, data=body, headers={"Content-Type": "application/json"})
        stranger.close()
        return answer.status

    def leaves(self):
        """Close the browser's window."""
        self._context.close()

    def _arrives(self):
        expect(self.page.locator("h1")).to_be_visible(timeout=60_000)


def password_of(airflow, name):
    """The password that Airflow made up for a user at its first start."""
    return json.loads((airflow.home / "passwords.json").read_text())[name]
