"""Taking over the fields that others put beside the operator's."""

from __future__ import annotations

from typing import Any

from vectorstore_operator.ownership import taken_over

LABELS: dict[str, Any] = {"f:labels": {"f:a": {}}}
OURS = {"f:metadata": LABELS, "f:spec": {"f:ports": {'k:{"port":8000}': {".": {}}}}}
PORT: dict[str, Any] = {"f:ports": {'k:{"port":1}': {".": {}}}}


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"managedFields": list(entries)}}


APPLIED = entry("vectorstore-operator", "Apply", OURS)


def test_what_others_state_outside_the_metadata_becomes_ours() -> None:
    edited = entry("kubectl-edit", "Update", {"f:metadata": {"f:annotations": {}}, "f:spec": PORT})
    fields = taken_over(live(APPLIED, edited))
    assert fields is not None
    theirs, ours = fields
    assert theirs["fieldsV1"] == {"f:metadata": {"f:annotations": {}}}
    assert ours["manager"] == "vectorstore-operator"
    assert ours["operation"] == "Apply"
    assert ours["fieldsV1"]["f:metadata"] == LABELS
    assert set(ours["fieldsV1"]["f:spec"]["f:ports"]) == {'k:{"port":8000}', 'k:{"port":1}'}


def test_nothing_is_taken_of_labels_annotations_and_status() -> None:
    labelled = entry("kubectl-label", "Update", {"f:metadata": LABELS})
    status = entry("controller", "Update", {"f:status": {}}, subresource="status")
    assert taken_over(live(APPLIED, labelled, status)) is None


def test_an_update_under_our_own_name_is_taken_too() -> None:
    fields = taken_over(live(APPLIED, entry("vectorstore-operator", "Update", {"f:spec": PORT})))
    assert fields is not None
    assert len(fields) == 1


def test_what_others_state_in_the_metadata_of_a_pod_template_is_left_to_them() -> None:
    restart = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {}}}}}
    assert taken_over(live(APPLIED, entry("kubectl-rollout", "Update", restart))) is None
    both = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {}}, "f:spec": {"f:hostNetwork": {}}}}}
    fields = taken_over(live(APPLIED, entry("kubectl-edit", "Update", both)))
    assert fields is not None
    assert fields[0]["fieldsV1"] == restart
    assert fields[1]["fieldsV1"]["f:spec"]["f:template"] == {"f:spec": {"f:hostNetwork": {}}}


def test_claims_and_pods_are_their_controllers() -> None:
    claim = live(entry("kube-controller-manager", "Update", {"f:spec": {}}))
    assert taken_over(claim | {"kind": "PersistentVolumeClaim"}) is None
