"""Steps as a person sees them: a spinner and a clock at a terminal, one plain line each anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step:
    """A step that is being taken."""

    def __init__(self, steps: "Steps", what: str) -> None:
        self._steps = steps
        self.what = what
        self.detail = ""
        self.seconds: float | None = None

    def took(self, seconds: float) -> None:
        """Say how long it took, where that is known better than from when it was shown."""
        self.seconds = seconds

    def note(self, detail: str) -> None:
        """Say how far it has come, or what came of it."""
        self.detail = detail
        self._steps.refresh(self)

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


class Steps:
    """Shows steps, several at a time if they run side by side.

    Args:
        console: where to show them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[Step, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave what is shown as it is."""
        self._progress.stop()

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Show a step until the block ends."""
        step = Step(self, what)
        begun = time.monotonic()
        self._shown[step] = task = self._progress.add_task(what, total=1)
        try:
            yield step
        except BaseException:
            self._progress.stop_task(task)
            self._line("✗", step, begun)
            raise
        if step.seconds is not None:
            begun = time.monotonic() - step.seconds
            self._shift(task, step.seconds)
        self._progress.update(task, completed=1)
        self._line("✓", step, begun)

    def refresh(self, step: Step) -> None:
        """Show a step's detail."""
        self._progress.update(self._shown[step], description=str(step))

    def _shift(self, number: TaskID, seconds: float) -> None:
        for task in self._progress.tasks:
            if task.id == number:
                task.start_time = task.get_time() - seconds

    def _line(self, sign: str, step: Step, begun: float) -> None:
        if not self._console.is_terminal:
            self._console.print(f"{sign} {step} ({time.monotonic() - begun:.1f} s)", markup=False, highlight=False)
