"""Closing incidents whose trouble is over."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stocksync.delivery_ports import OpenIncident, OpenIncidents, Pager
from stocksync.domain.keys import product_key
from stocksync.domain.policy import Rules, Severity, Verdict, judge
from stocksync.domain.summary import RunStatus, RunSummary
from stocksync.ports import StockCache, StockLedger

log = logging.getLogger(__name__)
