"""`make demo` from start to end, as somebody who has just cloned the project runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "build" / "demo"
FILES = {"summary.json", "expected.json", "alerts.jsonl", "slack.json", "pagerduty.json", "report.txt"}


@pytest.mark.timeout(600)
def test_the_demo_tells_people_of_a_night_and_finds_nothing_wrong():
    foreign = ("AIRFLOW", "STOCK_SYNC_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    demo = subprocess.run(
        [sys.executable, "-m", "local", "demo"],
        check=False,
        cwd=PROJECT,
        env=environment | {"PYTHONPATH": "include:.", "STOCK_SYNC_LOCALE": "en", "STOCK_SYNC_SLACK_MENTION": "@ops"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert demo.returncode == 0, demo.stdout
    assert "checks passed after" in demo.stdout
    assert {path.name for path in RESULTS.iterdir()} == FILES
    report = (RESULTS / "report.txt").read_text(encoding="utf-8")
    posted = [message["text"] for message in json.loads((RESULTS / "slack.json").read_text(encoding="utf-8"))]
    called = json.loads((RESULTS / "pagerduty.json").read_text(encoding="utf-8"))
    assert "- Products: 10,000\n- Matched: 9,868 (98.68%)\n- Discrepancies: 125 (1.25%)\n" in report
    assert report.rstrip("\n") in posted
    (urgent,) = [text for text in posted if "- Product ID: PRD-00001\n" in text]
    assert "- DB stock: 100\n- Redis stock: 20\n- Difference: 80\n" in urgent
    assert urgent.endswith("Responsible: @ops\nRedis has 80 too few")
    assert "stock-sync/product/PRD-00001" in [event["dedup_key"] for event in called]
