"""Hands Airflow the page 재고 / Stock: an entry in the side bar, and a tab of every DAG run."""

from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

HERE = Path(__file__).parent
PREFIX = "stock-sync"


class Lazy:
    """The page's app, made when it is first asked for: schedulers and workers load plugins too, and show no page."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        """Serve one request."""
        if self._app is None:
            from stocksync.entrypoints.page.app import build  # noqa: PLC0415 - a second's work, see above

            self._app = build(HERE)
        await self._app(scope, receive, send)


class StockSyncPage(AirflowPlugin):
    """What it shows is in stocksync.entrypoints.page. Every address is relative: Airflow may live under a path."""

    name = "stock_sync_page"
    fastapi_apps = [{"app": Lazy(), "url_prefix": f"/{PREFIX}", "name": "stock_sync_page"}]  # noqa: RUF012 - Airflow's way
    external_views = [  # noqa: RUF012 - as above
        {
            "name": "재고 / Stock",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "stock",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
        {
            "name": "재고 / Stock",
            "href": f"{PREFIX}/runs/{{RUN_ID}}?dag={{DAG_ID}}",
            "destination": "dag_run",
            "url_route": "stock-run",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
    ]
