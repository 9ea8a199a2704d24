"""A person can look at what the stand-ins got."""

import json
import ssl
import urllib.request

from local.standins.pagerduty import ROUTING_KEY, PagerDuty
from local.standins.slack import TOKEN, Slack


def ask(url, body=None, trust=None, token=""):
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(  # noqa: S310 - the URL is our own
        url, None if body is None else json.dumps(body).encode(), headers
    )
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)]
    with urllib.request.build_opener(*handlers).open(request, timeout=10) as answer:
        return answer.read().decode()


def test_slack_shows_its_messages_as_they_are_read(tmp_path):
    journal = tmp_path / "slack.jsonl"
    with Slack(journal) as slack:
        assert (ask(slack.url), journal.read_text()) == ("nothing yet", "")
        for text in ("재고 &lt;1&gt;", "두번째"):
            ask(f"{slack.url}/api/chat.postMessage", {"channel": "#stock", "text": text}, token=TOKEN)
        assert ask(slack.url) == "#stock\n재고 <1>\n\n#stock\n두번째"
    assert json.loads(journal.read_text(encoding="utf-8").splitlines()[1])["text"] == "두번째"


def test_pagerduty_shows_its_events_over_tls(tmp_path):
    with PagerDuty(tmp_path) as pagerduty:
        trust = ssl.create_default_context(cafile=pagerduty.ca_file)
        event = {"routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": "재고"}
        ask(f"{pagerduty.url}/v2/enqueue", event, trust)
        assert json.loads(ask(pagerduty.url, trust=trust)) == event
