"""A manifest file is refused where the API server would refuse it, in words that say where and what."""

import pytest

from vectorstore_operator.local import Invalid
from vectorstore_operator.local.manifest import Manifest, parse
from vectorstore_operator.local.stores import shipped_plans


def document(spec: str, name: str = "acme", kind: str = "VectorStore") -> str:
    return f"apiVersion: vectorstore.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def refusal(*texts: str) -> str:
    with pytest.raises(Invalid) as refused:
        parse({f"file{number}.yaml": text for number, text in enumerate(texts, start=1)})
    return str(refused.value)


def test_stores_and_plans_of_several_documents_and_files_are_found() -> None:
    manifest = parse(
        {
            "a.yaml": document("{quota: {documents: 10}}") + "---\n# nothing\n---\n" + document("{}", name="other"),
            "b.yaml": document("{documents: 5, memory: 1Gi}", name="small", kind="VectorStorePlan"),
        }
    )
    assert [store.name for store in manifest.stores] == ["acme", "other"]
    assert manifest.stores[0].spec.quota is not None
    assert manifest.stores[0].spec.quota.documents == 10
    assert manifest.plans["small"].documents == 5


def test_empty_files_hold_nothing() -> None:
    assert parse({"a.yaml": "", "b.yaml": "---\n"}) == Manifest()


def test_what_the_api_server_reports_is_no_obstacle() -> None:
    text = document("{}") + "status: {url: http://somewhere}\n"
    assert parse({"a.yaml": text}).stores[0].namespace == "default"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{quota: {documents: -5}}", "spec.quota.documents: -5 should be greater than or equal to 1"),
        ("{quota: {documents: '5'}}", "spec.quota.documents: '5' should be a valid integer"),
        ("{quota: {documents: true}}", "spec.quota.documents: True should be a valid integer"),
        ("{quta: 1}", "spec.quta: unknown field; remove it"),
        ("{deletion_policy: Delete}", "spec.deletion_policy: unknown field; remove it"),
        ("{model: g p t}", "spec.model: 'g p t' should match pattern"),
        ("{model: none}", "spec: dimension goes with model: none, and only with it"),
        ("{dimension: 3}", "spec: dimension goes with model: none, and only with it"),
        ("{plan: BIG}", "spec.plan: 'BIG' should match pattern"),
        ("{storage: {size: -1Gi}}", "spec.storage.size: '-1Gi' should match pattern"),
        ("[1]", "spec: [1] should be a mapping"),
        ("{quota: {documents: 1, documents: 2}}", "line 4: not YAML: 'documents' is given twice"),
    ],
)
def test_a_wrong_spec_is_refused_with_file_field_and_value(spec: str, message: str) -> None:
    refused = refusal(document(spec))
    assert refused.startswith("file1.yaml: ")
    assert message in refused


def test_every_wrong_field_of_a_document_is_told() -> None:
    assert len(refusal(document("{replicas: 99, plan: UP}")).splitlines()) == 2


@pytest.mark.parametrize("name", ["Acme", "1st", "a_b", "a" * 41, "a-"])
def test_a_name_that_no_service_could_have_is_refused(name: str) -> None:
    assert (
        f"metadata.name: at most 40 of a-z, 0-9 and -, beginning with a letter and not ending with -; not {name!r}"
        in (refusal(document("{}", name=name)))
    )


def test_plans_have_names_of_their_own_rule() -> None:
    assert parse({"a.yaml": document("{documents: 1}", "2.small", "VectorStorePlan")}).plans
    assert "metadata.name: 'Small' should match pattern" in refusal(
        document("{documents: 1}", "Small", "VectorStorePlan")
    )


def test_a_plan_whose_bounds_are_crossed_is_refused() -> None:
    spec = "{documents: 1, replicas: {min: 2, max: 1}}"
    assert "spec.replicas: replicas.min is above replicas.max" in refusal(document(spec, kind="VectorStorePlan"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "file1.yaml: line 1: not YAML: "),
        ("\x00", "file1.yaml: not YAML: "),
        ("- 1", "file1.yaml: document 1: not a mapping"),
        ("kind: VectorStore", "document 1: apiVersion: None; it must be vectorstore.dev/v1alpha1"),
        (
            "apiVersion: vectorstore.dev/v1alpha1\nkind: Pod",
            "document 1: kind: 'Pod'; one machine runs VectorStore and",
        ),
        (document("{}", name="7"), "metadata.name: 7; give the VectorStore a name, in quotes where it is a number"),
        (document("{}") + "data: {}", "document 1: data: unknown field; remove it"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_name_given_twice_is_refused_wherever_the_second_is() -> None:
    assert refusal(document("{}"), document("{}")).startswith(
        "file2.yaml: VectorStore acme: metadata.name: given twice"
    )


def test_the_shipped_plans_hold_what_they_promise() -> None:
    plans = shipped_plans()
    assert {name: plan.documents for name, plan in plans.items()} == {
        "starter": 100_000,
        "standard": 1_000_000,
        "performance": 3_000_000,
    }
    assert [name for name, plan in plans.items() if plan.default] == ["starter"]
    assert [(plan.replicas.min, plan.replicas.max) for plan in plans.values()] == [(1, 1), (1, 3), (1, 5)]


@pytest.mark.parametrize(
    "scalar", ["2024-13-45", "!!int foo", "!!float x", "9" * 5000, "[" * 3000, "{a: " * 2000], ids=lambda s: s[:12]
)
def test_yaml_that_cannot_be_read_is_said_to_be_so(scalar: str) -> None:
    with pytest.raises(Invalid, match="not YAML"):
        parse({"store.yaml": f"spec: {{tenantId: {scalar}}}"})
