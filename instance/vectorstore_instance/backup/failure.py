"""What ends a job: a stable word and a message for people."""

from __future__ import annotations

from vectorstore_instance.backup.result import Reason


class Failure(Exception):
    """A job cannot be done; the message says what is wrong and what to do."""

    def __init__(self, reason: Reason, message: str, again: float = 2) -> None:
        """
        Args:
            reason: why.
            message: for people; never with a key in it.
            again: seconds after which it may be tried again, where the reason is one that passes.
        """
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.again = again
