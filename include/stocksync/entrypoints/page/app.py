"""The page's routes. Each reads and shows; none writes, and none answers a person who may not read stock_sync."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from stocksync.adapters.ops_pages import ORDERS, Row
from stocksync.entrypoints.page import live
from stocksync.entrypoints.page.shown import Shown
from stocksync.entrypoints.page.store import NoStore, bootstrapped, reading
from stocksync.errors import BadSetting, ConnectionsUnavailable, OperationsUnavailable
from stocksync.model.address import name_of
from stocksync.reporting import bars
from stocksync.reporting.headline import due, headline, lost_many
from stocksync.review.decision import UNDONE_WITHIN
from stocksync.review.request import MOST
from stocksync.settings import Settings

DAG = "stock_sync"
REVIEW = "stock_sync_review"
NIGHTS = 30
ROWS = 100
ROWS_OF_A_FILE = 10_000
"""Rows of a file that are read at once."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
STATIC = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}

Severity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL", ""]
Cause = Literal["REDIS_LOSS", "LOST_EVENT", "BUG", "RACE", "UNKNOWN", ""]
Text = Annotated[str, Query(max_length=300)]
Page = Annotated[int, Query(ge=1, le=100_000)]


def may_decide(user: GetUserDep) -> bool:
    """Whether Airflow would let this person start a review; only then are there buttons."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=REVIEW), user=user
        )
    )


def build(folder: Path) -> FastAPI:
    """Make the app; every route of it asks who is there.

    Args:
        folder: templates/ and static/
    """
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=DAG))],
    )
    shown = Shown(folder / "templates")

    @app.middleware("http")
    async def protect(request: Request, call_next: Any) -> Response:  # noqa: ANN401 - Starlette's
        response: Response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    _errors(app, shown)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            raise HTTPException(404)
        return FileResponse(folder / "static" / name, media_type=STATIC[name])

    _overview(app, shown)
    _queue(app, shown)
    _product(app, shown)
    _run(app, shown)
    _decisions(app, shown)
    return app


def _errors(app: FastAPI, shown: Shown) -> None:
    """Say what went wrong in words: inside Airflow's UI nobody sees a status line."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"detail": error.detail}, error.status_code)
        known = error.status_code if error.status_code in {401, 403, 404} else 400
        return shown.page("error.html", request, status=error.status_code, says=f"error.s{known}")

    @app.exception_handler(RequestValidationError)
    def unusable(request: Request, _error: RequestValidationError) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"detail": "a parameter is not allowed"}, 422)
        return shown.page("error.html", request, status=422, says="error.s400")

    @app.exception_handler(NoStore)
    def none(request: Request, _error: NoStore) -> Response:
        return shown.page("setup.html", request, status=200, problem=None)

    @app.exception_handler(BadSetting)
    @app.exception_handler(OperationsUnavailable)
    @app.exception_handler(ConnectionsUnavailable)
    def unavailable(request: Request, error: Exception) -> Response:
        return shown.page("setup.html", request, status=503, problem=str(error))


def _overview(app: FastAPI, shown: Shown) -> None:
    @app.get("/")
    def overview(request: Request, decides: Annotated[bool, Depends(may_decide)]) -> Response:
        settings = Settings.load()
        now = shown.now(settings)
        with reading() as store:
            nights = store.nights(now.date() - timedelta(days=NIGHTS))
            open_cases = store.open()
        totals = _totals(open_cases)
        expected = due(now, settings.time_limit + timedelta(minutes=10))
        says = headline(nights, totals["awake"], totals["critical"], expected)
        return shown.page(
            "overview.html",
            request,
            decides=decides,
            headline=says,
            expected=expected,
            last=nights[0] if nights else None,
            lost=lost_many(nights[0]) if nights else False,
            open=totals,
            causes=[row for row in open_cases if row["awake"]],
            bars=bars.bars(nights, now.date(), NIGHTS, 900, 150),
            highest=max([0, *(sum(bars.counts(night).values()) for night in nights)]),
            **_trends(nights),
        )


def _totals(rows: Iterable[Row]) -> dict[str, Any]:
    """Add the causes up."""
    rows = list(rows)
    names = ("awake", "asleep", "critical", "missing", "oversold", "unsold")
    oldest = [row["oldest"] for row in rows if row["oldest"]]
    return {name: sum(row[name] for row in rows) for name in names} | {"oldest": min(oldest, default=None)}


def _trends(nights: Sequence[Row]) -> dict[str, Any]:
    """Give the lines of agreement and run time, the oldest night on the left."""
    past = list(reversed(nights))
    shares, times = [bars.agreement(night) for night in past], [night["duration_s"] for night in past]
    return {
        "shares": shares,
        "times": times,
        "share_line": bars.line(shares, 300, 40) if len(past) > 1 else "",
        "time_line": bars.line(times, 300, 40, floor=0) if len(past) > 1 else "",
    }


def _queue(app: FastAPI, shown: Shown) -> None:
    def asked(
        state: Literal["open", "asleep", "all"] = "open",
        severity: Severity = "",
        cause: Cause = "",
        missing: bool = False,  # noqa: FBT001, FBT002 - a parameter of the address
        q: Text = "",
    ) -> dict[str, Any]:
        return {
            "asleep": {"open": False, "asleep": True, "all": None}[state],
            "severity": severity or None,
            "cause": cause or None,
            "missing": missing,
            "text": q.strip() or None,
        }

    @app.get("/reviews")
    def reviews(  # noqa: PLR0913, PLR0917 - as above
        request: Request,
        decides: Annotated[bool, Depends(may_decide)],
        which: Annotated[dict[str, Any], Depends(asked)],
        sort: Literal[tuple(ORDERS)] = "size",  # type: ignore[valid-type]
        way: Literal["asc", "desc"] = "desc",
        page: Page = 1,
    ) -> Response:
        with reading() as store:
            rows = store.queue(which, order=sort, way=way, limit=ROWS, offset=(page - 1) * ROWS)
        return shown.page(
            "reviews.html",
            request,
            decides=decides,
            rows=rows,
            sort=sort,
            way=way,
            page=page,
            matching=rows[0]["matching"] if rows else 0,
            per_page=ROWS,
            query=dict(request.query_params),
        )

    @app.get("/reviews/matching")
    def matching(which: Annotated[dict[str, Any], Depends(asked)]) -> dict[str, Any]:
        """Answer with every product that matches and the difference that the queue shows of it."""
        with reading() as store:
            rows = store.queue(which, order="size", way="desc", limit=MOST, offset=0)
        return {"products": [_choice(row) for row in rows], "matching": rows[0]["matching"] if rows else 0}

    @app.get("/now")
    def now(id: Annotated[list[str], Query(max_length=live.MOST)]) -> dict[str, Any]:  # noqa: A002 - as it is called
        """Answer with what both stores hold now."""
        return dict(live.now(bootstrapped, id))


def _choice(row: Row) -> dict[str, Any]:
    """What a decision needs of a row of the queue."""
    names = ("product_id", "product_name", "db_stock", "redis_stock", "discrepancy", "key_missing")
    return {name: row[name] for name in names}


def _product(app: FastAPI, shown: Shown) -> None:
    @app.get("/products/{product:path}")
    def product(request: Request, product: str, decides: Annotated[bool, Depends(may_decide)]) -> Response:
        product_id = name_of(product)
        with reading() as store:
            case, found = store.case(product_id), store.findings_of(product_id, ROWS)
            decided = store.decisions_about(product_id, ROWS)
        since = shown.now(Settings.load()) - UNDONE_WITHIN
        named = [row["product_name"] for row in found if row["product_name"]]
        past = [row["discrepancy"] for row in reversed(found)]
        return shown.page(
            "product.html",
            request,
            status=200,
            decides=decides,
            product_id=product_id,
            product_name=named[0] if named else None,
            case=case,
            choice=_choice(case) if case else None,
            found=found,
            decided=decided,
            undoable_since=since,
            highest=max([1, *map(abs, past)]),
            past=past[-NIGHTS:],
        )


def _run(app: FastAPI, shown: Shown) -> None:
    def asked(
        severity: Severity = "", action: Literal["REDIS_RESTORED", "MANUAL_REVIEW_REQUIRED", ""] = "", q: Text = ""
    ) -> dict[str, Any]:
        return {"severity": severity or None, "action": action or None, "text": q.strip() or None}

    # A run's id may hold anything, so what else is asked of it is in the query, not behind its id.
    @app.get("/runs/{run:path}")
    def run(  # noqa: PLR0913, PLR0917 - what a run can be filtered by
        request: Request,
        run: str,
        which: Annotated[dict[str, Any], Depends(asked)],
        dag: Text = DAG,
        page: Page = 1,
        form: Literal["csv", ""] = "",
    ) -> Response:
        run_id = name_of(run)
        if dag == REVIEW:
            return _decision(request, shown, run_id, decides=False, page=1)
        if form == "csv":
            pages = _pages(lambda store, offset: store.findings_in(run_id, which, limit=ROWS_OF_A_FILE, offset=offset))
            return _csv("findings", pages)
        with reading() as store:
            ran = store.run(run_id)
            rows = store.findings_in(run_id, which, limit=ROWS + 1, offset=(page - 1) * ROWS)
        return shown.page(
            "run.html",
            request,
            run_id=run_id,
            run=ran,
            rows=rows[:ROWS],
            more=len(rows) > ROWS,
            page=page,
            query=dict(request.query_params),
            known_dag=dag == DAG,
        )


def _decisions(app: FastAPI, shown: Shown) -> None:
    @app.get("/decisions")
    def decisions(
        request: Request,
        q: Text = "",
        kind: Literal["restore", "keep", "undo", ""] = "",
        page: Page = 1,
        form: Literal["csv", ""] = "",
    ) -> Response:
        which = {"text": q.strip() or None, "kind": kind or None}
        if form == "csv":
            pages = _pages(lambda store, offset: store.decisions(which, limit=ROWS_OF_A_FILE, offset=offset))
            return _csv("decisions", pages)
        with reading() as store:
            rows = store.decisions(which, limit=ROWS + 1, offset=(page - 1) * ROWS)
        return shown.page(
            "decisions.html",
            request,
            rows=rows[:ROWS],
            more=len(rows) > ROWS,
            page=page,
            query=dict(request.query_params),
        )

    @app.get("/decisions/{decision:path}")
    def decision(
        request: Request,
        decision: str,
        decides: Annotated[bool, Depends(may_decide)],
        page: Page = 1,
        form: Literal["json", ""] = "",
    ) -> Response:
        decision_id = name_of(decision)
        if form == "json":
            with reading() as store:
                row = store.decision(decision_id)
            known = (
                {name: row[name] for name in ("kind", "asked", "outcomes")} if row else {"asked": None, "outcomes": {}}
            )
            return JSONResponse(known)
        return _decision(request, shown, decision_id, decides=decides, page=page)


def _decision(request: Request, shown: Shown, decision_id: str, *, decides: bool, page: int) -> Response:
    with reading() as store:
        row = store.decision(decision_id)
        products = store.decided(decision_id, limit=ROWS + 1, offset=(page - 1) * ROWS)
    since = shown.now(Settings.load()) - UNDONE_WITHIN
    return shown.page(
        "decision.html",
        request,
        decides=decides,
        decision_id=decision_id,
        decision=row,
        rows=products[:ROWS],
        more=len(products) > ROWS,
        page=page,
        undoable=row is not None and row["kind"] == "restore" and row["decided_at"] > since and not row["undone_by"],
    )


def _pages(read: Any) -> Iterator[Sequence[Row]]:  # noqa: ANN401 - a question with an offset
    """Read all pages of a question, each in a transaction of its own."""
    offset = 0
    while True:
        with reading() as store:
            rows = read(store, offset)
        yield rows
        if len(rows) < ROWS_OF_A_FILE:
            return
        offset += ROWS_OF_A_FILE


def _csv(name: str, pages: Iterator[Sequence[Row]]) -> Response:
    """Answer with a file, page by page."""
    first = next(pages)  # an error of the store is still an answer of its own here

    def written() -> Iterator[str]:
        header = list(first[0]) if first else []
        yield "\ufeff"  # spreadsheets take the file for UTF-8 by it
        yield _lines([header])
        for rows in (first, *pages):
            yield _lines([_cell(row[column]) for column in header] for row in rows)

    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(written(), media_type="text/csv; charset=utf-8", headers=disposition)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """Write a value so that no spreadsheet takes a product's name for a formula."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {count}" for key, count in value.items())
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
