"""Every message and incident leads to its place on the page, and nowhere where nobody said where Airflow is."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from stocksync.adapters.slack import payload
from stocksync.alerting.batch import AlertBatch, token
from stocksync.alerting.routing import AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.model.address import dag_run_path, product_path, run_path
from stocksync.model.notice import Message, Place
from stocksync.model.policy import Action
from stocksync.wording import Wording
from tests.kit.findings import event

HOSTILE = "<!channel>|x> ]( javascript:\u202e"


def links(message, base_url):
    """What a message's blocks link to."""
    blocks = payload(message, "#stock", base_url)["blocks"]
    return [each["text"] for block in blocks if block["type"] == "context" for each in block["elements"]]


def test_a_message_leads_to_the_products_place():
    message = Message("title\nbody", place=Place(product_path("PRD-00001"), "see"))

    assert links(message, "https://a/b") == ["<https://a/b/plugin/stock/b/stock-sync/products/PRD-00001|see>"]


def test_a_message_has_no_link_where_nobody_said_where_airflow_is():
    assert links(Message("title\nbody", place=Place("reviews", "see")), "") == []


def test_a_hostile_id_cannot_leave_its_link():
    [link] = links(Message("title", place=Place(product_path(HOSTILE), "see")), "https://a")

    assert link.count("<") == link.count(">") == link.count("|") == 1
    assert ":" not in link.removeprefix("<https:")


def test_the_link_of_a_long_message_is_not_cut_off():
    message = Message("title\n" + "\n".join("x" * 2900 for _ in range(80)), place=Place("reviews", "see"))

    assert len(payload(message, "#stock", "https://a")["blocks"]) == 50
    assert len(links(message, "https://a")) == 1


@pytest.mark.parametrize(("run_id", "path"), [("", ""), ("manual__1+00:00", "runs/manual__1~2B00~3A00")])
def test_a_run_has_a_place_if_it_is_known(run_id, path):
    assert run_path(run_id) == path


@pytest.mark.parametrize(
    ("dag_id", "path"),
    [
        ("stock_sync", "runs/manual__1"),
        ("stock_sync_review", "decisions/manual__1"),
        ("stock_sync_alerts", ""),
    ],
)
def test_a_failed_run_leads_to_what_it_did_to_the_stock(dag_id, path):
    assert dag_run_path(dag_id, "manual__1") == path


def test_every_alert_leads_to_its_own_place():
    texts, group = AlertTexts(Wording("en"), ZoneInfo("Asia/Seoul"), ""), AlertGroup("night", "2024-01-15")
    restored = replace(event("PRD-3", db=100, redis=95), run_id="night")
    decided = replace(restored, approved_by="kim", decision_id="manual__1", action=Action.REDIS_RESTORED)
    batch = AlertBatch()
    for found in (event("PRD-1", db=900, redis=20), event("PRD-2", db=100, redis=20), restored, decided):
        batch.add(found, token(found.event_id))
    [shown], rest = batch.urgent.split(1)

    places = [
        each.place
        for each in (
            texts.digest(batch.restored),
            texts.review(batch.urgent),
            texts.approved(batch.approved),
            texts.urgent(shown),
            texts.urgent_rest(rest, 0),
            texts.incident(shown, group),
            texts.incident_rest(rest, group, rest.count),
            texts.runs([(group, batch)], over=False),
        )
    ]

    product, queue = "products/PRD-1", "reviews"
    assert [place.path for place in places] == [
        *("runs/night", queue, "decisions/manual__1", product, queue, product, queue, "")
    ]
    assert {place.label for place in places} == {"See it on the stock page"}
