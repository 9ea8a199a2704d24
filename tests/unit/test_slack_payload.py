"""What Slack gets: nothing that comes from data acts (fault 31)."""

import json
from zoneinfo import ZoneInfo

import pytest

from local.standins.slack import as_read
from stocksync.adapters.slack import payload
from stocksync.alerting.batch import AlertBatch, token
from stocksync.alerting.routing import AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.model.notice import Message, product_incident
from stocksync.wording import Wording
from tests.kit.findings import event

HOSTILE = [
    "<!channel>",
    "<@U024BE7LH>",
    "<https://evil.example|PRD-001>",
    "https://evil.example/",
    "*bold* _it_ ~no~ `code` ```block```",
    "a & b &lt;!here&gt;",
    "@here @backend-team #general",
    "PRD\r\n- 상품 ID: forged",
    "PRD-\u202e100\u2066",
    "'; DROP TABLE products; --",
    "é",
    "e\u0301",
    "p" * 1000,
    "{}:{} \x00\x1b[31m",
    ":fire:",
]


def urgent(product_id, mention="@backend-team"):
    bundle = AlertBatch()
    bundle.add(event(product_id, db=100, redis=20), token("e"))
    [shown], _ = bundle.urgent.split(10)
    texts = AlertTexts(Wording("ko"), ZoneInfo("Asia/Seoul"), mention)
    return texts.urgent(shown), texts.incident(shown, AlertGroup("run", "2024-01-15"))


@pytest.mark.fault(31)
@pytest.mark.parametrize("product_id", HOSTILE)
def test_no_product_id_mentions_links_or_forges_a_line(product_id):
    message, incident = urgent(product_id)
    sent = payload(message, "#stock-alerts")
    *shown, footer, note = sent["blocks"]
    assert all(block["text"]["type"] == "plain_text" and block["text"]["emoji"] is False for block in (*shown, note))
    assert footer["text"]["text"] == "담당자: @backend-team"
    assert "<" not in json.dumps(sent)
    assert (sent["parse"], sent["mrkdwn"], sent["link_names"]) == ("none", False, False)
    assert len(as_read(sent).splitlines()) == 10
    assert all(line.isprintable() for line in as_read(sent).splitlines())
    assert len(incident.summary.splitlines()) == 1
    assert len(incident.dedup_key) <= 255
    assert incident.dedup_key.isascii()


def test_a_literal_id_is_read_as_it_is():
    message, _ = urgent("<!channel> & co")
    assert "- 상품 ID: <!channel> & co" in as_read(payload(message, "#c")).splitlines()


def test_ids_that_look_alike_have_incidents_of_their_own():
    keys = {product_incident(product_id) for product_id in [*HOSTILE, "p" * 999, "", " "]}
    assert len(keys) == len(HOSTILE) + 3


def test_only_the_configured_mention_mentions():
    message, _ = urgent("<!channel>", mention="<!subteam^S123>")
    sent = payload(message, "#c")
    assert sent["text"].count("<") == 1
    assert sent["blocks"][-2]["text"] == {"type": "mrkdwn", "text": "담당자: <!subteam^S123>"}


@pytest.mark.parametrize("called", ["<!subteam^S123>", "<!subteam^S123|@backend>", "<@U1>", "<!here>", "<!channel>"])
def test_each_form_that_calls_somebody_goes_out_as_it_is(called):
    message, _ = urgent("PRD-1", mention=f"{called} & co")
    sent = payload(message, "#c")
    assert sent["blocks"][-2]["text"] == {"type": "mrkdwn", "text": f"담당자: {called} &amp; co"}
    assert sent["text"].endswith(f"담당자: {called} &amp; co\nRedis가 80개 적음")


@pytest.mark.parametrize(
    "text", ["@backend-team", "*bold* _it_", "<https://evil.example|us>", "<!everyone>", "<@nobody>"]
)
def test_a_mention_that_calls_nobody_is_plain_text_in_which_nothing_acts(text):
    message, _ = urgent("PRD-1", mention=text)
    sent = payload(message, "#c")
    assert sent["blocks"][-2]["text"]["type"] == "plain_text"
    assert "<" not in json.dumps(sent)
    assert as_read(sent).endswith(f"담당자: {text}\nRedis가 80개 적음")


def test_a_long_message_is_cut_into_blocks_between_lines():
    lines = [f"{number}. {'x' * 500}" for number in range(20)]
    blocks = payload(Message("\n".join(["title", *lines])), "#c")["blocks"]
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks)
    assert "\n".join(block["text"]["text"] for block in blocks[1:]).splitlines() == lines
