"""Time that passes only when somebody waits, and things that happen meanwhile."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
"""02:00 of 2 March in Seoul."""


class StoppedClock:
    """Implements Clock for what only asks for the time."""

    def __init__(self, present):
        self.present = present

    def now(self):
        return self.present


class FakeClock:
    def __init__(self):
        self.present = START
        self.ran = 0.0
        self._agenda = []

    def now(self):
        return self.present

    def monotonic(self):
        return self.ran

    def sleep(self, seconds):
        """Wait; whatever is due meanwhile happens at its time."""
        until = self.ran + seconds
        while self._agenda and self._agenda[0][0] <= until:
            due, _, happen = self._agenda.pop(0)
            self._advance(due - self.ran)
            happen()
        self._advance(until - self.ran)

    def after(self, seconds, happen):
        """Put something on the agenda, seconds from now."""
        self._agenda.append((self.ran + seconds, len(self._agenda), happen))
        self._agenda.sort(key=lambda entry: entry[:2])

    def set_back(self, by):
        """Somebody corrects the wall clock."""
        self.present -= by

    def _advance(self, seconds):
        self.ran += seconds
        self.present += timedelta(seconds=seconds)
