"""As few steps as bring a store from what it is to what it should be."""

from pathlib import Path

import pytest

from vectorstore_operator.api.store import Quota, StoreSpec
from vectorstore_operator.local.manifest import Store
from vectorstore_operator.local.steps import Seen, Step, steps
from vectorstore_operator.local.stores import shipped_plans
from vectorstore_operator.local.wanted import Place, Record, want

PLACE = Place(Path("/stores/acme"), Path("/models"), 8000, 9090, Path("/secrets"))


def record(spec: StoreSpec, before: Record | None = None, place: Place = PLACE) -> Record:
    return want(Store("acme", "default", spec), shipped_plans(), before, place)


FIRST = record(StoreSpec())
RUNNING = Seen(FIRST, FIRST.limits, running=True)
STOPPED = Seen(FIRST, FIRST.limits, running=False)
SMALLER = record(StoreSpec(quota=Quota(documents=7)), FIRST)
LARGER = record(StoreSpec(plan="standard"), FIRST)
# Its generation grows with every change of the spec; here it is the limits' that must not matter.
ASLEEP = record(StoreSpec(hibernated=True), FIRST).model_copy(update={"limits": FIRST.limits})
MOVED = record(StoreSpec(), FIRST, Place(PLACE.folder, PLACE.models, 8001, 9091, PLACE.secrets))


@pytest.mark.parametrize(
    ("seen", "wanted", "expected"),
    [
        pytest.param(Seen(), FIRST, (Step.LIMITS, Step.RECORD, Step.START), id="a new store"),
        pytest.param(RUNNING, FIRST, (), id="nothing changed"),
        pytest.param(STOPPED, FIRST, (Step.START,), id="stopped"),
        pytest.param(RUNNING, SMALLER, (Step.LIMITS, Step.RECORD), id="a changed quota restarts nothing"),
        pytest.param(RUNNING, LARGER, (Step.STOP, Step.LIMITS, Step.RECORD, Step.START), id="a changed plan"),
        pytest.param(STOPPED, MOVED, (Step.RECORD, Step.START), id="its port was taken while it was stopped"),
        pytest.param(Seen(FIRST, None, True), FIRST, (Step.LIMITS,), id="a spoiled limits file is mended"),
        pytest.param(Seen(FIRST, SMALLER.limits, True), SMALLER, (Step.RECORD,), id="cut off before the record"),
        pytest.param(RUNNING, ASLEEP, (Step.STOP, Step.RECORD), id="hibernated"),
        pytest.param(Seen(), ASLEEP, (Step.LIMITS, Step.RECORD), id="hibernated from the first"),
        pytest.param(Seen(ASLEEP, ASLEEP.limits), ASLEEP, (), id="still asleep"),
        pytest.param(Seen(ASLEEP, ASLEEP.limits), FIRST, (Step.RECORD, Step.START), id="awake again"),
        pytest.param(RUNNING, record(StoreSpec(paused=True, plan="standard"), FIRST), (), id="paused"),
    ],
)
def test_the_steps_are_those_that_are_needed(seen: Seen, wanted: Record, expected: tuple[Step, ...]) -> None:
    assert steps(seen, wanted) == expected
