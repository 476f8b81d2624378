"""What is told of a store's backups and of its restore, by whoever sees to them."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator.api.backup import ProtectionStatus
from vectorstore_operator.api.restore import RestoreStatus
from vectorstore_operator.conditions import Told

BACKUP_HEALTHY = "BackupHealthy"
RESTORED = "Restored"


@dataclass(frozen=True)
class Backed:
    """Parts of a store's status."""

    protection: ProtectionStatus | None = None
    restore: RestoreStatus | None = None
    told: tuple[Told, ...] = ()
    """The conditions BackupHealthy and Restored, where there is something to tell."""
    restoring: Told | None = None
    """What Ready says while the store waits for its archive."""

    def of(self, type_: str) -> Told | None:
        """One of the conditions."""
        return next((one for one in self.told if one.type == type_), None)


NOTHING = Backed()
"""Of a store that is neither backed up nor restored."""
