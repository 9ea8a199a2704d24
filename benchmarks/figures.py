"""What is shown of the measurements: a table, results.json and a plot."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

Results = dict[str, Any]


def write(results: Results, folder: Path) -> None:
    """Write results.json and scale.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    plot(results["scale"], folder / "scale.svg")


def show(results: Results, console: Console) -> None:
    """Print the ratios first, then the seconds behind them."""
    ratios = Table("ratio", "measured", "goal", title="ratios, each within one run", title_justify="left")
    for name, value in flat(results["ratios"]):
        ratios.add_row(name, "left out" if value is None else f"{value:,.2f}", results["goals"].get(name, ""))
    console.print(ratios)
    seconds = Table("measurement", "median s", "runs", title="seconds behind them", title_justify="left")
    for name, runs in results["seconds"].items():
        seconds.add_row(name, f"{median(runs):.3f}", " ".join(f"{run:.3f}" for run in runs))
    console.print(seconds)


def flat(nested: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Name the leaves of nested dicts with dots."""
    leaves = []
    for name, value in nested.items():
        if isinstance(value, dict):
            leaves += flat(value, f"{before}{name}.")
        else:
            leaves.append((before + name, value))
    return leaves


def plot(scale: dict[str, dict[str, float]], target: Path) -> None:
    """Draw time against products, both logarithmic, a line for each way of doing it."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only wanted at the end

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "stock-sync"
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, points in scale.items():
        sizes = sorted(map(int, points))
        style = {"linestyle": "--", "color": "grey"} if name.startswith("floor") else {"marker": "o"}
        axes.loglog(sizes, [points[str(size)] for size in sizes], label=name, **style)
    axes.set(xlabel="products", ylabel="seconds (median)", title="one run, by size of the catalogue")
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend()
    figure.savefig(target, metadata={"Date": None})
