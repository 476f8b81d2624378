"""What is changed of a store without a look at the rest of it: whether `up` may touch it, its keys, its version."""

from __future__ import annotations

from datetime import UTC, datetime

from vectorstore_operator import __version__
from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.local import Problem, keys, process
from vectorstore_operator.local.folder import Home
from vectorstore_operator.local.look import existing
from vectorstore_operator.local.stores import Say, Up, locked


def pause(home: Home, name: str, paused: bool, say: Say) -> None:
    """Lets `up` leave a store as it is, or look after it again; what runs goes on, and nothing else is changed.

    Raises:
        Problem: there is no store of that name.
    """
    with locked(home, [name], say):
        folder, record = existing(home, name)
        spec = record.spec.model_copy(update={"paused": paused or None})
        folder.write_record(record.model_copy(update={"spec": spec}))


def upgrade(home: Home, name: str, version: str | None, up: Up) -> None:
    """Starts a store anew, with the version that is installed: a process goes on with the one it began with.

    Raises:
        Problem: there is no store of that name, it is to be left alone, or another version is asked for.
    """
    if version not in (None, __version__):
        raise Problem(
            f"--version: {version!r} is not installed here, {__version__} is; install it, as with "
            f"pip install 'vectorstore-operator=={version}', and upgrade again"
        )
    with locked(home, [name], up.say):
        folder, record = existing(home, name)
        if record.spec.paused:
            raise Problem(f"{name} is paused and left as it is; first: vectorstore resume {name}")
        if record.spec.hibernated:
            up.say(f"{name} hibernates, and wakes with {__version__}")
            return
        up.say(f"stopping {name}, to start it with version {__version__} ...")
        process.stop(folder.path)
    up.change(name)


def rotate_keys(home: Home, name: str, revoke: bool, say: Say) -> None:
    """Sets `spec.keys.rotate`, or `revoke`, to what it has not been yet; a store that is down stays so.

    Raises:
        Problem: there is no store of that name, or its keys are the user's own.
    """
    with locked(home, [name], say):
        folder, record = existing(home, name)
        asked = record.spec.keys or StoreKeys()
        if asked.secret_name:
            raise Problem(
                f"{name}: spec.keys.secretName: {asked.secret_name}: its keys are your own; exchange them in "
                f"{home.secrets / asked.secret_name}, and run `vectorstore up` again"
            )
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        spec = record.spec.model_copy(update={"keys": asked.model_copy(update={"revoke" if revoke else "rotate": now})})
        wanted = record.model_copy(update={"spec": spec, "revoked" if revoke else "rotated": now})
        told = keys.bring_about(folder, record, wanted, home.secrets)
        folder.write_record(wanted)
        say(f"{name} {told}")
