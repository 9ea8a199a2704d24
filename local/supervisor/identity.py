"""Which process exactly: a number alone is reused, a number and a start time are not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the program's name; OSError if there is no such process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processes() -> list[int]:
    """Return the number of every process on this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


@dataclass(frozen=True)
class Identity:
    """One process, told apart from a later one with the same number by when and since which boot it runs."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Identify a living process; OSError if there is none."""
        return cls(pid, int(stat_fields(pid)[19]), Path("/proc/sys/kernel/random/boot_id").read_text().strip())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; ValueError if it is something else."""
        pid, started, boot = text.split()[:3]
        return cls(int(pid), int(started), boot)

    def __str__(self) -> str:
        return f"{self.pid} {self.started} {self.boot}"

    def lives(self) -> bool:
        """Whether that very process still runs (a zombie does not)."""
        try:
            return Identity.of(self.pid) == self and stat_fields(self.pid)[0] != "Z"
        except OSError:
            return False
