"""What should run on this machine follows from document, plan and record alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from vectorstore_instance.settings import Precision
from vectorstore_operator import __version__
from vectorstore_operator.api.access import AllowedNamespaces
from vectorstore_operator.api.embedding import Endpoint
from vectorstore_operator.api.exposure import StoreTls
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import Quota, Storage, StoreSpec
from vectorstore_operator.local import Problem
from vectorstore_operator.local.manifest import Store
from vectorstore_operator.local.stores import shipped_plans
from vectorstore_operator.local.wanted import Place, Record, want

PLACE = Place(Path("/home/stores/acme"), Path("/home/models"), 8000, 9090, Path("/home/secrets"))


def wanted(
    spec: StoreSpec,
    recorded: Record | None = None,
    plans: Mapping[str, PlanSpec] | None = None,
    namespace: str = "default",
) -> Record:
    return want(Store("acme", namespace, spec), plans or shipped_plans(), recorded, PLACE)


def refusal(spec: StoreSpec, recorded: Record | None = None, namespace: str = "default") -> str:
    with pytest.raises(Problem) as refused:
        wanted(spec, recorded, namespace=namespace)
    return str(refused.value)


def test_an_empty_spec_gets_the_default_plan_and_model() -> None:
    record = wanted(StoreSpec())
    assert (record.plan, record.generation, record.limits.max_documents) == ("starter", 1, 100_000)
    assert record.settings.model_name == "all-MiniLM-L6-v2"
    assert record.settings.model_dir == Path("/home/models/all-MiniLM-L6-v2")
    assert record.settings.tenant_id == "acme"
    assert record.url == "http://127.0.0.1:8000"


def test_a_store_of_vectors_needs_no_model() -> None:
    settings = wanted(StoreSpec(model="none", dimension=3)).settings
    assert (settings.model_name, settings.dimension, settings.model_dir) == ("none", 3, None)


def test_the_settings_survive_the_environment_of_a_process() -> None:
    settings = wanted(StoreSpec()).settings
    assert settings.environ()["DATA_DIR"] == "/home/stores/acme/data"
    assert "MAX_DOCS" not in settings.environ()


def test_a_certificate_is_a_folder_in_the_secrets_place() -> None:
    record = wanted(StoreSpec(tls=StoreTls(secret_name="cert")))
    assert record.settings.tls_dir == Path("/home/secrets/cert")
    assert record.url == "https://127.0.0.1:8000"


def test_a_name_outside_needs_a_plan_with_exposure_here_as_well() -> None:
    assert "plan starter exposes no stores" in refusal(StoreSpec(hostname="a.example.org"))


@pytest.mark.parametrize("tls", [None, StoreTls(secret_name="cert"), StoreTls(secret_name="acme-tls")])
def test_what_a_plan_says_of_those_before_its_stores_has_no_effect(tls: StoreTls | None) -> None:
    for protocol in ("HTTP", "HTTPS"):
        plan = {
            "documents": 1000,
            "default": True,
            "exposure": {
                "domain": "stores.example.org",
                "ingress": {},
                "tls": {"issuer": {"name": "ca"}},
                "backendProtocol": protocol,
            },
            "network": {"clients": [{"podSelector": {}}]},
        }
        record = wanted(StoreSpec(tls=tls), plans={"front": PlanSpec.model_validate(plan)})
        assert record.plan_spec.exposure
        assert record.plan_spec.exposure.backend_protocol == protocol


def test_a_size_does_not_shrink_by_being_left_out_in_between() -> None:
    first = wanted(StoreSpec(storage=Storage(size="30Gi")))
    second = wanted(StoreSpec(), first)
    assert second.requested == "30Gi"
    assert "storage.size: a volume grows and does not shrink" in refusal(
        StoreSpec(storage=Storage(size="20Gi")), second
    )
    assert wanted(StoreSpec(storage=Storage(size="40Gi")), second).requested == "40Gi"
    old = first.model_copy(update={"requested": None})
    assert wanted(StoreSpec(), old).requested == "30Gi", "a record of before there was this"


def test_a_changed_quota_is_a_new_generation_with_the_same_settings() -> None:
    first = wanted(StoreSpec())
    second = wanted(StoreSpec(quota=Quota(documents=7)), first)
    assert (second.generation, second.limits.generation, second.limits.max_documents) == (2, 2, 7)
    assert second.settings == first.settings


def test_the_same_again_is_the_same() -> None:
    first = wanted(StoreSpec())
    assert wanted(StoreSpec(), first) == first


def test_a_changed_plan_changes_the_settings() -> None:
    first = wanted(StoreSpec())
    second = wanted(StoreSpec(plan="standard"), first)
    assert second.settings != first.settings
    assert second.limits.max_documents == 1_000_000


def test_the_plan_of_a_store_that_names_none_is_pinned() -> None:
    first = wanted(StoreSpec())
    plans = {
        "starter": shipped_plans()["starter"].model_copy(update={"default": False}),
        "new": PlanSpec(documents=5, default=True),
    }
    assert wanted(StoreSpec(), first, plans).plan == "starter"
    assert wanted(StoreSpec(), None, plans).plan == "new"


def test_a_plan_that_came_with_an_earlier_manifest_is_still_known() -> None:
    first = wanted(StoreSpec(plan="mine"), plans={"mine": PlanSpec(documents=5)})
    assert wanted(StoreSpec(plan="mine"), first).limits.max_documents == 5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (StoreSpec(plan="gold"), "acme: spec.plan: no VectorStorePlan 'gold'; known: performance, standard, starter"),
        (StoreSpec(quota=Quota(documents=100_001)), "acme: spec.quota.documents: 100001 is above the 100000"),
        (StoreSpec(model="none", dimension=4096), "acme: spec.dimension: 4096 is not within 1 and the 384"),
    ],
)
def test_what_the_plan_cannot_give_is_refused_as_in_a_cluster(spec: StoreSpec, message: str) -> None:
    assert refusal(spec).startswith(message)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (StoreSpec(model="none", dimension=384), "model"),
        (StoreSpec(model="all-MiniLM-L6-v2"), "model"),
        (StoreSpec(storage=Storage(class_name="fast")), "storage.className"),
    ],
)
def test_what_is_fixed_neither_changes_nor_appears(spec: StoreSpec, field: str) -> None:
    assert refusal(spec, wanted(StoreSpec())).startswith(f"acme: spec: {field} is fixed when the store is made")


def test_a_store_of_another_namespace_does_not_get_the_data_of_one_of_the_same_name() -> None:
    assert "this machine has a store of that name in 'default'" in refusal(StoreSpec(), wanted(StoreSpec()), "other")


def test_a_record_survives_its_file() -> None:
    record = wanted(StoreSpec(quota=Quota(documents=3), deletion_policy="Delete"))
    assert Record.model_validate_json(record.model_dump_json()) == record


ENDPOINT = Endpoint(model="e5", url="http://127.0.0.1:8080/v1", dimension=8, secret_name="e5")


def test_the_key_of_an_endpoint_is_a_file_in_the_secrets_place() -> None:
    plans = {"mine": PlanSpec(documents=5, default=True, embeddings=[ENDPOINT])}
    settings = wanted(StoreSpec(model="e5"), plans=plans).settings
    assert (settings.embed_url, settings.dimension, settings.model_dir) == (ENDPOINT.url, 8, None)
    assert settings.embed_key_file == Path("/home/secrets/e5/api-key")


def test_a_store_keeps_the_precision_of_its_record() -> None:
    def plans(precision: Precision) -> dict[str, PlanSpec]:
        return {name: PlanSpec(documents=5, precision=precision) for name in ("one", "other")}

    first = wanted(StoreSpec(plan="one"), plans=plans("int8"))
    assert first.settings.precision == "int8"
    assert wanted(StoreSpec(plan="one"), first, plans("fp32")).settings.precision == "int8"
    with pytest.raises(Problem, match="plan other embeds in fp32, and the store's vectors were made in int8"):
        wanted(StoreSpec(plan="other"), first, plans("fp32"))


def test_a_plan_is_for_the_namespaces_it_names() -> None:
    plans = {"mine": PlanSpec(documents=5, default=True, allowed_namespaces=AllowedNamespaces(names=["team"]))}
    assert wanted(StoreSpec(), plans=plans, namespace="team").plan == "mine"
    with pytest.raises(Problem, match="plan mine is for namespaces team, and the store is in default"):
        wanted(StoreSpec(), plans=plans)


def test_a_version_is_the_one_that_is_installed_or_refused() -> None:
    assert wanted(StoreSpec(version=__version__)).spec.version == __version__
    told = refusal(StoreSpec(version="99.0"))
    assert f"acme: spec.version: '99.0' is not what is installed here, {__version__}; install that version" in told
