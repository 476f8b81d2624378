"""What a destination says when it does not do what it is asked, as a stable word and a message for people.

Of an answer only S3's own code and message are told: the rest may echo the key's id and signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.result import Reason

_CODE, _MESSAGE = re.compile(r"<Code>([^<]{1,100})</Code>"), re.compile(r"<Message>([^<]{1,300})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the X... ones are of MinIO and versitygw.
_OF_CODE: dict[str, Reason] = {
    **dict.fromkeys(
        (
            *("AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId"),
            *("InvalidSecurity", "InvalidToken", "NotSignedUp", "SignatureDoesNotMatch", "TokenRefreshRequired"),
            *("UnauthorizedAccess", "XAdminUserNotFound"),
        ),
        "WrongCredentials",
    ),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), "NoSuchBucket"),
    **dict.fromkeys(
        ("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "InvalidRequest"),
        "Invalid",
    ),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "XAmzContentQuotaExceeded"), "DestinationFull"),
}
_REMEDY: dict[Reason, str] = {
    "WrongCredentials": "have its access key looked at: is it right, in force, and allowed to read, write and list?",
    "NoSuchBucket": "make the bucket, or correct the destination's bucket, endpoint and pathStyle",
    "Invalid": "correct the destination's region, endpoint, pathStyle or sse",
    "DestinationFull": "make room there, or keep fewer backups",
    "DestinationAway": "look whether it runs and can be reached from here, and whether its certificate is trusted",
    "Exists": "give the backup another name",
}


@contextmanager
def told(where: str, *, absent: bool = False) -> Iterator[None]:
    """Says of a destination's errors what they mean.

    Args:
        where: the destination, for people.
        absent: whether an object that is not there is an answer: the `FileNotFoundError` that came.

    Raises:
        Failure: instead of them.
    """
    try:
        yield
    except (BaseError, OSError) as problem:
        if absent and isinstance(problem, FileNotFoundError) and not _known(problem):
            raise
        raise _failure(where, problem) from None


def _known(problem: Exception) -> Reason | None:
    code = _CODE.search(str(problem))
    return _OF_CODE.get(code[1]) if code else None


def _failure(where: str, problem: Exception) -> Failure:
    reason = _reason(problem)
    return Failure(reason, f"{where}: {_words(problem)}; {_REMEDY[reason]}")


def _reason(problem: Exception) -> Reason:
    text = str(problem)
    if known := _known(problem):
        return known
    if isinstance(problem, AlreadyExistsError):
        return "Exists"
    if (
        isinstance(problem, (PermissionDeniedError, UnauthenticatedError, PermissionError))
        or "status code: 403" in text
    ):
        return "WrongCredentials"
    if "No space left" in text or "status code: 507" in text or "quota exceeded" in text.lower():
        return "DestinationFull"
    return "DestinationAway"


def _words(problem: Exception) -> str:
    text = str(problem)
    code, message, status = _CODE.search(text), _MESSAGE.search(text), _STATUS.search(text)
    if code:
        return f"{code[1]}{f' ({message[1]})' if message else ''}"
    if status:
        return f"it answers {status[1]}"
    return " ".join(text.partition("\n\nDebug source")[0].split())[:300]
