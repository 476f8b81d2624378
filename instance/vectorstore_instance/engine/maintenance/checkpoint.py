"""`checkpoint`: a copy of every index that is ahead of its last one, as before the instance's image is exchanged.

Whatever the next start meets, it then replays little.
"""

from __future__ import annotations

from vectorstore_instance.engine.maintenance.operation import Operation, Store, Unfit


async def checkpoint(store: Store, operation: Operation) -> None:
    """Takes the checkpoints."""

    def told(done: int, total: int) -> None:
        operation.done, operation.total = done, total

    operation.enter("copying indices")
    if left := await store.checkpointing.everything(told):
        raise Unfit(
            f"collections {', '.join(left[:5])}: the index could not be copied: the volume has less room than three "
            "copies of it and 64 MiB, or it is being written all the time; make room, or try again later"
        )
