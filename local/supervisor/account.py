"""Whom to run PostgreSQL as: it refuses to run as root, and whoever runs it must reach its files."""

import os
from dataclasses import dataclass
from pathlib import Path

OTHERS_MAY_PASS = 0o001


@dataclass(frozen=True)
class Account:
    """A user without rights. A number is enough: no system user is made."""

    uid: int = 65534
    gid: int = 65534

    def can_enter(self, folder: Path) -> bool:
        """Whether this account may pass through `folder` and every folder above it."""
        folder = folder.resolve()
        return all(each.stat().st_mode & OTHERS_MAY_PASS for each in (folder, *folder.parents))

    def own(self, folder: Path) -> None:
        """Give an empty folder to this account."""
        os.chown(folder, self.uid, self.gid)


def unprivileged() -> Account | None:
    """Return the account to change to, or None if this process is not root and needs no change."""
    return Account() if os.geteuid() == 0 else None
