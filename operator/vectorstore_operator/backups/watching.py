"""What is watched for backups: they and grants where stores are, Jobs and their pods where the operator is.

A standby watches them as well. A cluster that lacks the kinds, or does not let the operator see the Jobs, has no
backups, and all else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from vectorstore_operator.backups.jobs.shelf import JobShelf
from vectorstore_operator.backups.known import Backup, Grant, Item, Shelf
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.kinds import BACKUP, GRANT, JOB, POD
from vectorstore_operator.cluster.watch import Informer
from vectorstore_operator.names import BACKUP_LABEL


class Watching:
    """What is known of backups, grants and Jobs, and the watches that keep it so."""

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Iterable[str | None],
        operator_namespace: str,
        changed: Callable[[Backup | Grant], None],
        moved: Callable[[Item], None],
    ) -> None:
        """
        Args:
            cluster: is asked.
            namespaces: where stores are; None is everywhere.
            operator_namespace: where Jobs are.
            changed: told of every backup and grant that changed or went, as it is or was.
            moved: told whose Jobs got on.
        """
        self.shelf, self.jobs = Shelf(), JobShelf()
        optional = (replace(kind, optional=True) for kind in (BACKUP, GRANT, JOB, POD))
        backup, grant, job, pod = optional
        self.informers: tuple[Informer[Backup | Grant] | Informer[Item], ...] = (
            *(
                Informer(cluster, kind, namespace, self.shelf, changed, selector="")
                for kind in (backup, grant)
                for namespace in namespaces
            ),
            *(Informer(cluster, kind, operator_namespace, self.jobs, moved, BACKUP_LABEL) for kind in (job, pod)),
        )
