"""One step of a store from the edition it has to the newest: what to render now, what must come first, what to tell.

Pure, and made again in every look from what the children say: an operator may be killed between any two steps.
A store takes at once what its owner asks for by naming another plan, what restarts no pod, and everything while it
has none. An image that the owner names is moved to without waiting; all else waits for the store's turn. A move
begins with a checkpoint where the image changes, and ends when all new pods answer, or where it began.
"""

from __future__ import annotations

from dataclasses import replace

from vectorstore_operator.api.rollout import RolloutStatus
from vectorstore_operator.conditions import Told, condition, restoring
from vectorstore_operator.observe.rolled import Rolled
from vectorstore_operator.rollout import words
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.image import version_of
from vectorstore_operator.rollout.known import Known, Step
from vectorstore_operator.rollout.marks import Failed, Marks, Move


def step(known: Known) -> Step:
    """The next step of a store."""
    if known.marks is None and known.running is None:
        return _settled(known, Marks(Edition(known.plan.name, known.plan.spec, known.image)))
    marks = known.marks or Marks(Edition(known.plan.name, known.plan.spec, known.running or known.image))
    marks = _owners_acts(known, marks)
    if marks.move is not None:
        found = _judged(known, marks, marks.move)
        if isinstance(found, Step):
            return found
        marks = found
    return _onward(known, marks)


def _owners_acts(known: Known, marks: Marks) -> Marks:
    """Takes the plan as it is where the owner's own spec wants it, or no pod is there to be replaced."""
    edition, plan = marks.edition, known.plan
    if edition.plan == plan.name and not known.hibernated and known.serves(edition):
        return marks
    taken, move = edition.under(plan), marks.move
    if move is not None:
        back = move.left.under(plan)
        move = None if back.image == taken.image else replace(move, left=back)
    return replace(marks, edition=taken, move=move)


def _judged(known: Known, marks: Marks, move: Move) -> Step | Marks:
    """Goes on with a move, or ends it."""
    edition, left = marks.edition, move.left
    if _wanted_no_more(known, edition, left):
        return Marks(left)
    if known.hibernated:
        return _step(known, replace(marks, move=replace(move, since=None)), words.asleep(edition, left))
    since = move.since or known.now
    verdict = known.gate(edition, since)
    if verdict is None:
        return Marks(edition)
    if isinstance(verdict, str):
        marks = Marks(left, failed=Failed(edition.digest, verdict, move.served))
        return _step(known, marks, words.rolled_back(edition, left, verdict))
    wait = max(1.0, (verdict - known.now).total_seconds())
    return _step(known, replace(marks, move=replace(move, since=since)), words.moving(edition, left), wait=wait)


def _wanted_no_more(known: Known, edition: Edition, left: Edition) -> bool:
    """Whether a move is to be given up: what was left is what is wanted, or the owner names a third image."""
    if known.by_owner(left).digest == known.by_turn(left).digest == left.digest:
        return True
    return known.asked and known.image != edition.image != left.image


def _onward(known: Known, marks: Marks) -> Step:
    """Begins what is to come next, if anything is and may."""
    edition = marks.edition
    under = edition.under(known.plan)
    if under.plan_digest != edition.plan_digest and not known.restarts(edition, under):
        edition = under
    own, turn = known.by_owner(edition), known.by_turn(edition)
    failed = marks.failed
    tried = next((one for one in (own, turn) if failed and failed.digest == one.digest != edition.digest), None)
    marks = Marks(edition, failed=failed if tried else None)
    if edition.digest != own.digest and own != tried:
        return _begun(known, marks, own)
    if edition.digest != turn.digest and turn != tried:
        return _turned(known, marks, turn)
    if failed and tried:
        return _step(known, marks, words.rolled_back(tried, edition, failed.why))
    return _settled(known, marks)


def _turned(known: Known, marks: Marks, target: Edition) -> Step:
    """Moves if it is the store's turn; one whose checkpoint is being taken was given it."""
    stands = known.checkpoint(target.digest) if marks.edition.image != target.image else None
    if (stands is None or stands.due) and not restoring(known.store) and (held := known.held()):
        return _step(known, marks, words.held_back(held))
    return _begun(known, marks, target)


def _begun(known: Known, marks: Marks, target: Edition) -> Step:
    """Begins a move: with a checkpoint, where the image changes."""
    left = marks.edition
    if known.hibernated:
        return _step(known, Marks(target, Move(left, None)), words.asleep(target, left))
    if restoring(known.store):
        return _step(known, marks, words.restoring(target, left))
    if left.image != target.image:
        stands = known.checkpoint(target.digest)
        if stands is None:
            return _step(known, marks, words.checkpointing(target, left), checkpoint=target)
        if stands.failed is not None:
            told = words.checkpoint_failed(target, left, stands.failed)
            return _step(known, marks, told, checkpoint=target if stands.due else None, wait=stands.again)
        if not stands.taken:
            return _step(known, marks, words.checkpointing(target, left))
    wait = float(known.plan.spec.rollout.gate_seconds)
    move = Move(left, known.now, served=condition(known.store, "Ready").get("status") == "True")
    return _step(known, Marks(target, move), words.moving(target, left), wait=wait)


def _settled(known: Known, marks: Marks) -> Step:
    return _step(known, marks, words.up_to_date(known.store, marks.edition, known.release))


def _step(known: Known, marks: Marks, told: Told, checkpoint: Edition | None = None, wait: float | None = None) -> Step:
    edition, newest = marks.edition, known.by_turn(marks.edition)
    runs = marks.move.left if marks.move else edition
    version, release = version_of(runs.image), version_of(known.release)
    failed = marks.failed if marks.failed and marks.failed.digest == newest.digest else None
    status = RolloutStatus(
        edition=edition.digest,
        newest=newest.digest,
        plan_edition=edition.plan_digest,
        newest_plan=newest.plan_digest,
        release=release if release != version else None,
        restarts=(newest.digest != edition.digest and not known.hibernated) or None,
        moving=told.reason in (words.MOVING, words.CHECKPOINTING) or None,
        failed=failed is not None or None,
        ailing=(failed is not None and not failed.served) or None,
    )
    return Step(marks, Rolled(version, status, told), checkpoint, wait)
