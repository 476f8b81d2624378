"""A store's step between editions, with what it takes: the cache, other stores' turns, checkpoints of the instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.observe.rolled import Rolled
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.plan.claimed import Around
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform
from vectorstore_operator.render.pod import pod_spec
from vectorstore_operator.rollout import marks
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.gate import gate
from vectorstore_operator.rollout.image import wanted_image
from vectorstore_operator.rollout.known import Checkpoint, Known
from vectorstore_operator.rollout.marks import Marks
from vectorstore_operator.rollout.step import step
from vectorstore_operator.rollout.turns import Held

PLAN_FAULTS = ("PlanNotFound", "PlanInvalid", "PlanTooSmall")
"""Why a plan serves none of its stores."""


class Checkpoints(Protocol):
    """Checkpoints before moves."""

    def state(self, store: Key, edition: str) -> Checkpoint | None:
        """How the one before the move to an edition stands; None where none was asked for."""

    def begin(self, store: Key, edition: str) -> None:
        """Has one taken, and the store looked at again then."""

    def over(self, store: Key, edition: str) -> None:
        """The move to an edition was begun: another one to the same has a checkpoint of its own."""


@dataclass(frozen=True)
class Course:
    """What a store is to be in this look."""

    wanted: Resolved
    rolled: Rolled
    wait: float | None
    newest: bool
    """Whether it is what its plan is now."""


@dataclass(frozen=True)
class Rolling:
    """Steps of stores."""

    platform: Platform
    held: Callable[[Key], Held | None]
    """What keeps a store from moving at its turn; see `Pace.held`."""
    checkpoints: Checkpoints

    def course(
        self,
        key: Key,
        store: Object,
        newest: Resolved,
        children: Children,
        around: Around,
        now: datetime,
        at_once: bool = False,
    ) -> Course | Refusal:
        """What a store is to be: by the newest edition, or by the one that it has for now.

        Args:
            key: which store.
            store: as it is.
            newest: what it comes to by its plan as it is.
            children: what it consists of.
            around: what is known beside.
            now: the time.
            at_once: take the plan as it is, because nothing can be made of the one that it has.
        """
        has, running = marks.read(store, children), marks.running(store, children)
        images = _images(has) if has else [running] if running else []
        image = wanted_image(newest.spec.version, newest.plan, self.platform.image, images)
        if isinstance(image, Refusal):
            return image
        by = _Resolving(store, newest, children, around, at_once)
        return self._course(key, by, has, image, newest.spec.version is not None, now)

    def refused(
        self, key: Key, store: Object, why: Refusal, children: Children, around: Around, now: datetime
    ) -> Course | None:
        """What a store that is refused goes on with; None where it is left as it is.

        A move that began comes to its end. And a plan that is gone, or says what cannot be, is as it was when the
        store took it: that takes nothing from the stores that have it, and what of them is lost comes back.
        """
        has = marks.read(store, children)
        if has is None or (has.move is None and not _planless(store, has.edition.plan, why)):
            return None
        known = accept.under(store, has.edition.plan, has.edition.spec, children, around)
        if isinstance(known, Refusal):
            return None
        by = _Resolving(store, known, children, around)
        course = self._course(key, by, has, has.edition.image, False, now)
        return None if isinstance(course, Refusal) else course

    def _course(
        self, key: Key, by: _Resolving, has: Marks | None, image: str, asked: bool, now: datetime
    ) -> Course | Refusal:
        store, children, newest = by.store, by.children, by.newest
        if has and has.move:
            self.checkpoints.over(key, has.edition.digest)
        live = children.get(("StatefulSet", key.name))
        pods = [child for (kind, _), child in children.items() if kind == "Pod"]
        seconds = newest.plan.spec.rollout.gate_seconds

        def fare(edition: Edition, since: datetime) -> datetime | str | None:
            made = by(edition)
            wanted = made.replicas if isinstance(made, Resolved) else newest.replicas
            return gate(live, pods, wanted, since, now, seconds)

        found = step(
            Known(
                store=store,
                plan=newest.plan,
                image=image,
                asked=asked,
                release=self.platform.image,
                marks=has,
                running=marks.running(store, children),
                hibernated=newest.hibernated,
                now=now,
                serves=lambda edition: not by.at_once and isinstance(by(edition), Resolved),
                restarts=lambda old, new: self._pod(by(old)) != self._pod(by(new)),
                gate=fare,
                checkpoint=lambda edition: self.checkpoints.state(key, edition),
                held=lambda: self.held(key),
            )
        )
        if found.checkpoint is not None:
            self.checkpoints.begin(key, found.checkpoint.digest)
        wanted = by(found.marks.edition)
        if isinstance(wanted, Refusal):
            return wanted
        plan = Edition(newest.plan.name, newest.plan.spec, image).plan_digest
        wanted = replace(wanted, marks=found.marks.annotations())
        return Course(wanted, found.rolled, found.wait, found.marks.edition.plan_digest == plan)

    def _pod(self, store: Resolved | Refusal) -> Object | None:
        return pod_spec(store, self.platform) if isinstance(store, Resolved) else None


@dataclass(frozen=True)
class _Resolving:
    """A store by its plan as that is and as it once was."""

    store: Object
    newest: Resolved
    children: Children
    around: Around
    at_once: bool = False

    def __call__(self, edition: Edition) -> Resolved | Refusal:
        plan = self.newest.plan
        if edition.plan_digest == Edition(plan.name, plan.spec, edition.image).plan_digest:
            return replace(self.newest, image=edition.image)
        spec = edition.ruled_by(plan.spec)
        found = accept.under(self.store, edition.plan, spec, self.children, self.around)
        return found if isinstance(found, Refusal) else replace(found, image=edition.image)


def as_marked(wanted: Resolved, children: Children) -> Resolved:
    """The same with the marks that its StatefulSet bears: no pod has to start because they change."""
    return replace(wanted, marks=marks.borne(children.get(("StatefulSet", wanted.name))))


def _planless(store: Object, plan: str, why: Refusal) -> bool:
    """Whether it is for the plan that it has that a store is refused."""
    named = (store.get("spec") or {}).get("plan") or (store.get("status") or {}).get("plan")
    return why.reason in PLAN_FAULTS and named == plan


def _images(has: Marks) -> list[str]:
    return [has.edition.image, *([has.move.left.image] if has.move else [])]
