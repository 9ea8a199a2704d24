"""The event StockSyncAlert: its fields and its Kafka headers, written and read.

How the fields become bytes is in avro.py and avro_confluent.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stocksync.adapters.avro import Encoder
from stocksync.alerting.ports import AlertEvent, Record
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.policy import Action, Severity

RUN_ID = "stock-sync-run-id"
RUN_TYPE = "stock-sync-run-type"
RUN_DATE = "stock-sync-run-date"
REASON = "stock-sync-reason"
LEDGER_STOCK = "stock-sync-ledger-stock"
HELD = "stock-sync-held"
APPROVED_BY = "stock-sync-approved-by"
DECISION_ID = "stock-sync-decision-id"
KEY_MISSING = "stock-sync-key-missing"
PRODUCT_NAME = "stock-sync-product-name"
CAUSE = "stock-sync-cause"
EVIDENCE = "stock-sync-evidence"
_FLAG = {"true": True, "false": False}
_DIGITS = 10  # of an int32


class EventEncoder:
    """Writes findings as events.

    Args:
        encoder: one of the formats
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def value(self, finding: Finding) -> bytes:
        """Write the fields of schemas/StockSyncAlert.avsc; the same finding gives the same bytes."""
        difference = finding.difference
        return self._encoder.encode(
            {
                "eventId": finding.event_id,
                "eventTimestamp": finding.detected_at_ms,
                "productId": finding.product_id,
                "dbStock": difference.db_stock,
                "redisStock": difference.redis_stock,
                "discrepancy": difference.discrepancy,
                "action": difference.action,
                "severity": difference.severity,
                "detectedAt": finding.detected_at_ms,
            }
        )

    def headers(self, finding: Finding, run: RunIdentity) -> list[tuple[str, bytes]]:
        """Write what does not fit into the schema: the run, why, what is known of the product, and who decided."""
        headers = [
            (RUN_ID, run.run_id.encode()),
            (RUN_TYPE, run.run_type.encode()),
            (RUN_DATE, run.date.encode()),
            (REASON, finding.reason.encode()),
        ]
        if finding.difference.key_missing:
            headers.append((KEY_MISSING, b"true"))
        if finding.held is not None:
            headers += [(LEDGER_STOCK, b"%d" % finding.ledger_stock), (HELD, b"%d" % finding.held)]
        if finding.name is not None:
            headers.append((PRODUCT_NAME, finding.name.encode()))
        if finding.decided is not None:
            headers += [(APPROVED_BY, finding.decided.by.encode()), (DECISION_ID, run.run_id.encode())]
        return headers


class EventDecoder:
    """Implements the port AlertDecoder.

    Args:
        fields: bytes in any of the formats to the event's fields; raises ValueError for bytes that are no event
    """

    def __init__(self, fields: Callable[[bytes], Mapping[str, Any]]) -> None:
        self._fields = fields

    def decode(self, record: Record) -> AlertEvent:
        """Read the fields of schemas/StockSyncAlert.avsc, and the run from the headers.

        Raises:
            ValueError: the record holds no event, a field is missing, or it names an action or a severity nobody knows.
        """
        if record.error:
            raise ValueError(record.error)
        if record.value is None:
            raise ValueError("the message has no value")
        fields = self._fields(record.value)
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        try:
            return AlertEvent(
                event_id=fields["eventId"],
                product_id=fields["productId"],
                db_stock=fields["dbStock"],
                redis_stock=fields["redisStock"],
                discrepancy=fields["discrepancy"],
                severity=Severity(fields["severity"]),
                action=Action(fields["action"]),
                detected_at_ms=fields["detectedAt"],
                run_id=headers.get(RUN_ID, ""),
                run_date=headers.get(RUN_DATE, ""),
                held=_units(headers.get(HELD, "")),
                approved_by=headers.get(APPROVED_BY, ""),
                decision_id=headers.get(DECISION_ID, ""),
                reason=headers.get(REASON, ""),
                key_missing=_FLAG.get(headers.get(KEY_MISSING, "")),
                product_name=headers.get(PRODUCT_NAME, ""),
                cause=headers.get(CAUSE, ""),
                evidence=headers.get(EVIDENCE, ""),
            )
        except KeyError as error:
            raise ValueError(f"the event has no field {error}") from error


def _units(header: str) -> int:
    """Read a header's units; other publishers' headers may hold anything, and no alert is lost over one."""
    return int(header) if header.isascii() and header.isdigit() and len(header) <= _DIGITS else 0
