"""What makes a store's vectors: chosen from the plan once, and kept whatever becomes of the plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_operator import observe
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import key
from vectorstore_operator.plan import Identity, Plan, Resolved, accept, resolve, size_plan
from vectorstore_operator.plan.embedding import NEW, Before
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired, pod
from vectorstore_operator.render.pod import MODEL

SMALL: dict[str, Any] = {
    "model": "text-embedding-3-small",
    "url": "https://api.openai.com/v1",
    "dimension": 1536,
    "secretName": "openai",
}
OPEN: dict[str, Any] = {"model": "e5", "url": "http://tei.models.svc:8080/v1", "dimension": 384}


def plan(name: str = "p", **spec: Any) -> Plan:
    return sized(name, {"documents": 1000} | spec)


def found(which: Plan, before: Before = NEW, **spec: Any) -> Resolved | Refusal:
    return resolve(Identity("acme", "tenants"), StoreSpec.model_validate(spec), which, before=before)


def precision(which: Plan, before: Before = NEW) -> str | None:
    resolved = found(which, before)
    assert isinstance(resolved, Resolved), resolved
    return resolved.embedding.precision


def refusal(verdict: object) -> Refusal:
    assert isinstance(verdict, Refusal)
    return verdict


def rendered_pod(resolved: Resolved) -> Any:
    children = {key(o): o for phase in desired(resolved, PLATFORM, with_credentials(resolved)) for o in phase}
    return children["StatefulSet", "acme"]["spec"]["template"]["spec"]


def test_a_new_store_computes_as_its_plan_says() -> None:
    assert precision(plan(precision="int8")) == "int8"
    assert precision(plan()) == "fp32"
    assert pod.settings(store(plan(precision="int8"))).environ()["PRECISION"] == "int8"
    assert "PRECISION" not in pod.settings(store(plan())).environ()


def test_a_plan_that_changes_its_precision_changes_no_store() -> None:
    assert precision(plan(precision="int8"), Before("p", "fp32")) == "fp32"
    assert precision(plan(), Before("p", "int8")) == "int8"


def test_a_store_from_before_there_was_a_choice_is_of_fp32() -> None:
    assert precision(plan(precision="int8"), Before("p")) == "fp32"


def test_a_store_moves_between_plans_of_its_precision_alone() -> None:
    assert precision(plan("other"), Before("p", "fp32")) == "fp32"
    refused = refusal(found(plan("other", precision="int8"), Before("p", "fp32")))
    assert refused.reason == "PrecisionFixed"
    assert "spec.plan: plan other embeds in int8, and the store's vectors were made in fp32" in refused.message
    assert "choose a plan of fp32" in refused.message


def test_the_status_keeps_what_is_fixed_while_the_store_is_refused() -> None:
    meta = {"name": "acme", "namespace": "tenants", "uid": "u"}
    live = {"kind": "VectorStore", "metadata": meta, "spec": {"model": SMALL["model"]}}
    plans = plan(dimension=1536, embeddings=[SMALL])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = observe.status(live, store(plans, model=SMALL["model"]), {}, None, now)
    assert (first.get("precision"), first["dimension"]) == (None, 1536)
    again = observe.status(live | {"status": first}, Refusal("Any", "how"), {}, None, now)
    assert accept.before(again) == Before("p", None, 1536)
    own = observe.status(live, store(plan(precision="int8")), {}, None, now)
    assert accept.before(own) == Before("p", "int8")


def test_a_store_takes_a_model_of_an_endpoint() -> None:
    which = plan(dimension=1536, embeddings=[SMALL])
    resolved = store(which, model="text-embedding-3-small")
    environment = pod.settings(resolved).environ()
    assert (resolved.dimension, environment["DIMENSION"]) == (1536, "1536")
    assert environment["EMBED_URL"] == "https://api.openai.com/v1"
    assert environment["EMBED_KEY_FILE"] == "/etc/vectorstore/embedding/api-key"
    assert "MODEL_DIR" not in environment
    spec = rendered_pod(resolved)
    volume = {"secretName": "openai", "defaultMode": 0o440, "items": [{"key": "api-key", "path": "api-key"}]}
    assert {"name": "embedding", "secret": volume} in spec["volumes"]
    mount = {"name": "embedding", "mountPath": "/etc/vectorstore/embedding", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]


def test_a_store_may_bring_its_own_key() -> None:
    which = plan(dimension=1536, embeddings=[SMALL, OPEN])
    for model in ("text-embedding-3-small", "e5"):
        assert store(which, model=model, embedding={"secretName": "mine"}).embedding.secret == "mine"
    own = store(which, model="e5")
    assert (own.embedding.secret, "EMBED_KEY_FILE" in pod.settings(own).environ()) == (None, False)
    assert "embedding" not in {volume["name"] for volume in rendered_pod(own)["volumes"]}


def test_a_store_of_another_model_is_as_it_was() -> None:
    offers = plan(dimension=1536, embeddings=[SMALL])
    assert rendered_pod(store(plan(dimension=1536))) == rendered_pod(store(offers))
    assert pod.settings(store(offers)).model_dir == MODEL


def test_endpoints_need_no_memory_for_a_model() -> None:
    alone = plan(embeddings=[OPEN], models=["e5", "none"])
    assert alone.memory < plan(embeddings=[OPEN]).memory
    assert alone.memory == plan(models=["none"]).memory


@pytest.mark.parametrize(
    ("spec", "before", "reason", "says"),
    [
        ({"model": "gpt"}, NEW, "ModelNotInPlan", "spec.model: 'gpt' is not offered by plan p; it has"),
        ({"embedding": {"secretName": "mine"}}, NEW, "SecretNotNeeded", "spec.embedding.secretName: 'mine' goes with"),
        ({"model": "e5"}, Before("p", None, 768), "DimensionFixed", "e5 with dimension 384, and the store's vectors"),
    ],
)
def test_what_cannot_be_is_refused(spec: dict[str, Any], before: Before, reason: str, says: str) -> None:
    refused = refusal(found(plan(embeddings=[OPEN]), before, **spec))
    assert refused.reason == reason
    assert says in refused.message


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"models": ["gpt"]}, "models: 'gpt' does not run in a store; add its endpoint to embeddings"),
        ({"embeddings": [SMALL]}, "text-embedding-3-small has dimension 1536, above the plan's 384"),
    ],
)
def test_a_plan_that_offers_what_it_has_not_is_refused(spec: dict[str, Any], says: str) -> None:
    refused = refusal(size_plan("p", PlanSpec.model_validate({"documents": 5} | spec)))
    assert refused.reason == "PlanInvalid"
    assert says in refused.message


@pytest.mark.parametrize(
    "endpoints",
    [
        [OPEN, OPEN],
        [OPEN | {"model": "none"}],
        [OPEN | {"url": "https://user:secret@host/v1"}],
        [OPEN | {"url": "https://host:0/v1"}],
        [OPEN | {"url": "https://host/v1?key=secret"}],
        [OPEN | {"url": "ftp://host"}],
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused(endpoints: list[Any]) -> None:
    with pytest.raises(ValueError, match="embeddings"):
        PlanSpec.model_validate({"documents": 5, "embeddings": endpoints})
