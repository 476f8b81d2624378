"""`kubectl vectorstore pause`, `resume`, `hibernate`, `wake`, `rotate-key`: one field of a store's spec each.

The operator does the rest; `--wait` stays until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import click

from vectorstore_operator.cli import show
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.cli.verbs import me, name, on_cluster
from vectorstore_operator.cli.words import progress, secret_of, seen
from vectorstore_operator.cluster.errors import Throttled, Transient
from vectorstore_operator.conditions import condition
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object, paused

Reached = Callable[[Object], bool]
Steps = tuple[int, int, str]
"""Steps done, steps in all, what is awaited."""
_LOOK_SECONDS = 0.5


def is_ready(store: Object) -> bool:
    """Whether all that the spec wants is there and answers."""
    return condition(store, "Ready").get("status") == "True"


def is_paused(store: Object) -> bool:
    """Whether the operator keeps its hands off."""
    return condition(store, "Progressing").get("reason") == "Paused"


def is_asleep(store: Object) -> bool:
    """Whether the pods are gone."""
    return condition(store, "Ready").get("reason") == "Hibernated" and not (store["status"].get("replicas") or 0)


def is_resumed(store: Object) -> bool:
    """Whether the operator has caught up, awake or asleep."""
    return not is_paused(store) and (is_ready(store) or is_asleep(store))


async def wait(
    remote: Remote,
    name: str,
    reached: Reached,
    seconds: float,
    *,
    accepted: bool = True,
    told: Callable[[Object], Steps] = progress,
) -> Object:
    """The store, as soon as the operator has seen the last change and this is true; tells how it goes.

    Args:
        remote: where it is.
        name: its name.
        reached: what is awaited.
        seconds: for how long.
        accepted: whether it can come only while the store is accepted.
        told: how far it is.

    Raises:
        Problem: the store is refused, or it takes longer.
    """

    def there(store: Object) -> bool:
        if seen(store) and reached(store):
            return True
        if accepted:
            _refuse(store)
        return False

    def see() -> str:
        return f"{me()} status {name} -n {remote.namespace}"

    return await until(lambda: remote.store(name), name, there, told, seconds, see)


async def until(
    look: Callable[[], Awaitable[Object]],
    name: str,
    reached: Reached,
    told: Callable[[Object], Steps],
    seconds: float,
    see: Callable[[], str],
) -> Object:
    """An object, as soon as this is true of it; tells how it goes.

    Raises:
        Problem: it is not after so many seconds; says what shows more.
    """
    progressed = show.Progress()
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    found = await look()
                except (Transient, Throttled) as error:  # a wait is longer than most of these
                    progressed.tell(0, 1, f"{name}: asking again: {error}")
                else:
                    if reached(found):
                        return found
                    progressed.tell(*told(found))
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise Problem(f"{name}: not done after {seconds:g} s, and going on; see: {see()}") from None
    finally:
        progressed.end()


def _refuse(store: Object) -> None:
    told = condition(store, "Accepted")
    if seen(store) and told.get("status") == "False":
        raise Problem(f"{store['metadata']['name']}: {told['message']}")


def waiting(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a verb that can be waited for."""
    waits = click.option("--wait", "waits", is_flag=True, help="Stay until it is so.")
    at_least = click.FloatRange(min=0)
    seconds = click.option("--timeout", "seconds", type=at_least, default=300, show_default=True, help="Of --wait.")
    return waits(seconds(function))


def verb(called: str, help_: str, done: str, reached: Reached, **spec: Any) -> click.Command:
    """A verb that sets fields of the spec.

    Args:
        called: the verb.
        help_: what it does.
        done: what is told then, after the store's name.
        reached: what `--wait` waits for.
        spec: the fields; None removes one.
    """

    @click.command(called, help=help_)
    @name
    @waiting
    @on_cluster
    async def run(remote: Remote, name: str, waits: bool, seconds: float) -> None:
        await remote.change(name, **spec)
        if waits:
            await wait(remote, name, reached, seconds)
        show.say(f"{name} {done}")

    return run


@click.command("rotate-key")
@name
@click.option("--revoke", is_flag=True, help="The former keys are void at once.")
@waiting
@on_cluster
async def rotate_key(remote: Remote, name: str, revoke: bool, waits: bool, seconds: float) -> None:
    """Give a store new keys; the former stay valid for spec.keys.overlapHours."""
    what = "revoke" if revoke else "rotate"
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    changed = await remote.change(name, keys={what: now})
    secret = secret_of(changed)
    if paused(changed):
        resume = f"{me()} resume {name} -n {remote.namespace}"
        raise Problem(f"{name} is paused (spec.paused): it gets new keys when that is over: {resume}")
    if not waits:
        show.say(f"{name} gets new keys in Secret {secret}")
        return
    store = await wait(remote, name, lambda store: _keys(store).get(what) == now, seconds, accepted=False)
    former = _keys(store).get("formerValidUntil")
    valid = f"valid until {former}" if former else "void"
    show.say(f"{name} has new keys in Secret {secret}, and the former are {valid}")


def _keys(store: Object) -> Object:
    return (store.get("status") or {}).get("keys") or {}


VERBS = (
    verb("pause", "Let the operator leave a store's children as they are.", "is paused", is_paused, paused=True),
    verb("resume", "Let the operator look after a store again.", "is looked after again", is_resumed, paused=None),
    verb(
        "hibernate",
        "End a store's pods; its data, keys and address stay.",
        "hibernates; data, keys and address stay",
        is_asleep,
        hibernated=True,
    ),
    verb("wake", "Bring a store's pods back.", "is awake", is_ready, hibernated=None),
    rotate_key,
)
