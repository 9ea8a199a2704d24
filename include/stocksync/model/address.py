"""Names in the addresses of the page: any text is one path segment that nothing between a message and the page alters.

A link from a message goes through Slack, a log-in, the router of Airflow's UI and perhaps a proxy, and each of them may
undo or redo percent-encoding. So a segment is made of unreserved characters only: what is none is `~` and two hex
digits for each byte of UTF-8.
"""

from urllib.parse import quote, unquote, urlsplit

ROUTE = "stock"
"""The page's `url_route` in Airflow's UI."""
PREFIX = "stock-sync"
"""Where Airflow serves the page's own addresses."""
BEGINNING = ""
"""Where the page begins: how the last night went."""
QUEUE = "reviews"
"""Where the page lists what waits for a decision."""


def segment(name: str) -> str:
    """Write a name, for example a product id, as one path segment."""
    quoted = quote(name, safe="").replace("~", "%7E").replace("%", "~")
    return quoted if quoted.strip(".") else quoted.replace(".", "~2E")  # a browser would take .. for the folder above


def name_of(segment: str) -> str:
    """Undo `segment`; a name that somebody typed as it is stays as it is."""
    try:
        return unquote(segment.replace("%", "%25").replace("~", "%"), errors="strict")
    except UnicodeDecodeError:
        return segment


def product_path(product_id: str) -> str:
    """Return where the page shows a product."""
    return f"products/{segment(product_id)}"


def run_path(run_id: str) -> str:
    """Return where the page shows a run; empty: several, or none that is known, so its beginning."""
    return f"runs/{segment(run_id)}" if run_id else BEGINNING


def decision_path(decision_id: str) -> str:
    """Return where the page shows a decision and what became of it; empty: not known, so the list of all."""
    return f"decisions/{segment(decision_id)}" if decision_id else "decisions"


def dag_run_path(dag_id: str, run_id: str) -> str:
    """Return where the page shows what a run of a DAG did; of DAGs that change no stock: its beginning."""
    shown = {"stock_sync": run_path, "stock_sync_review": decision_path}.get(dag_id)
    return shown(run_id) if shown else BEGINNING


def deep_link(base_url: str, path: str) -> str:
    """Return the address of a part of the page inside Airflow's UI; it survives the log-in.

    Args:
        base_url: where people reach Airflow, `[api] base_url`; empty: nobody said
        path: relative to the page, of segments; empty: its beginning

    Returns:
        "" where base_url is empty
    """
    if not base_url:
        return ""
    base = base_url.rstrip("/")
    return f"{base}/plugin/{ROUTE}{urlsplit(base).path}/{PREFIX}/{path}"
