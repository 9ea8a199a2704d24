"""`make soak`: nights one after the other on a real scheduler, with orders all the time and services that restart.

SOAK_MINUTES (30) in all, a night every SOAK_NIGHT_SECONDS (120), SOAK_SEED to play one again. It exits with 0 if every
night ended, no unit was sold twice, what drifted was put right, and nothing grew beyond what is kept on purpose. What
was read after each night is in build/soak/nights.csv.
"""

import csv
import os
import random
import sys
import time

from rich.console import Console
from rich.table import Table

from local import PROJECT
from tests.kit.airflow.driver import Scheduler
from tests.kit.airflow.place import place
from tests.kit.soak.figures import figures
from tests.kit.soak.growth import growth
from tests.kit.soak.restarts import restarts
from tests.kit.soak.sales import Sales

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
NIGHT_SECONDS = float(os.environ.get("SOAK_NIGHT_SECONDS", "120"))
SEED = int(os.environ.get("SOAK_SEED", time.time_ns() % 100_000))
PRODUCTS = 20_000
SOLD = 2_000
STOCK = 10_000_000
DRIFTS = 40
RESULT = PROJECT / "build" / "soak" / "nights.csv"


class Soak:
    """The nights, what was read after each, and what was wrong."""

    def __init__(self, at, sales, console):
        self._place, self._sales, self._console = at, sales, console
        self._scheduler = Scheduler(at)
        self._random = random.Random(SEED)
        self._drifted = []
        self.read = []
        self.wrong = []

    def switch_on(self):
        """Let the DAGs run by themselves."""
        self._scheduler.switch_on("stock_sync")
        self._scheduler.api.unpause("stock_sync_alerts")

    def night(self, number):
        """One night: something drifts, a run, an accident in the middle of it, and a look at everything."""
        began = time.monotonic()
        self._drift()
        accident = self._random.choice(restarts(self._place, self._sales))
        run_id = self._scheduler.api.trigger("stock_sync", {})
        time.sleep(self._random.uniform(0, 15))
        accident.do()
        run = self._scheduler.end_of("stock_sync", run_id)
        if run.state != "success" and not accident.may_redden:
            self.wrong.append(f"night {number}, {accident.what}: {run.state}: {run.note}")
        self._look_at_the_drifted(run)
        self.read.append(figures(self._place))
        took = time.monotonic() - began
        self._console.print(
            f"night {number:3}  {run.state:8}{took:6.0f} s  {self._sales.orders:7,} orders  {accident.what}"
        )
        time.sleep(max(0, NIGHT_SECONDS - (time.monotonic() - began)))

    def last_night(self):
        """The shop is closed: everything that drifted must be right after one more run."""
        run = self._scheduler.run()
        if run.state != "success":
            self.wrong.append(f"the last night: {run.state}: {run.note}")
        shop = self._place.shop
        ledger = dict(shop.sql("SELECT id, stock FROM products"))
        wrong = [each for each, stock in ledger.items() if shop.counter(each) != str(stock)]
        if wrong:
            self.wrong.append(f"{len(wrong)} products differ in the end, {wrong[0]} among them")

    def _drift(self):
        """Lose a few units of products, of those that are sold too."""
        quiet = [f"P{n:05d}" for n in self._random.sample(range(SOLD, PRODUCTS), DRIFTS)]
        sold = [f"P{n:05d}" for n in self._random.sample(range(SOLD), 5)]
        for product in [*quiet, *sold]:
            self._place.shop.cache.decrby(f"stock:{product}", self._random.randint(1, 2))
        self._drifted = quiet

    def _look_at_the_drifted(self, run):
        """What nobody sells was put right in a night that ended well."""
        if run.state != "success":
            return
        wrong = [product for product in self._drifted if self._place.shop.counter(product) != str(STOCK)]
        if wrong:
            self.wrong.append(f"{run.id}: {len(wrong)} that drifted are not right, {wrong[0]} among them")


def judge(read):
    """How each figure grew."""
    names = [name for name in read[0] if all(name in each for each in read)]
    return [growth(name, read[0][name][1], [each[name][0] for each in read]) for name in names]


def show(console, grown):
    """A table of them."""
    table = Table("figure", "first", "last", "a night", "allowed", "")
    for each in grown:
        unit = each.limit.unit
        cells = (each.first, each.last, each.a_night, each.allowed)
        table.add_row(each.name, *(f"{cell:,.2f} {unit}".strip() for cell in cells), "" if each.within else "GROWS")
    console.print(table)


def write(read):
    """Keep what was read."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    with RESULT.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["night", *read[0]], extrasaction="ignore")
        writer.writeheader()
        for number, each in enumerate(read, 1):
            writer.writerow({"night": number} | {name: round(value, 2) for name, (value, _) in each.items()})


def main():
    """Run until the time is up; return the exit code."""
    console = Console()
    console.print(f"SOAK_SEED={SEED}, {MINUTES:g} minutes, a night every {NIGHT_SECONDS:g} s")
    ends = time.monotonic() + MINUTES * 60
    with place("soak", company=False) as at, at.airflow():
        at.shop.rebuild()
        at.shop.stock((f"P{n:05d}", STOCK, STOCK) for n in range(PRODUCTS))
        with Sales(at.shop, [f"P{n:05d}" for n in range(SOLD)], SEED) as sales:
            soak = Soak(at, sales, console)
            soak.switch_on()
            number = 0
            while time.monotonic() < ends:
                number += 1
                soak.night(number)
        soak.last_night()
    write(soak.read)
    grown = judge(soak.read)
    show(console, grown)
    wrong = [*soak.wrong, *(f"{each.name} grows by {each.a_night:.2f} a night" for each in grown if not each.within)]
    for each in wrong:
        console.print(each, markup=False)
    console.print(f"{number} nights, {sales.orders:,} orders: {'nothing grew' if not wrong else f'{len(wrong)} wrong'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
