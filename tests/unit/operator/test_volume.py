"""What becomes of a store's volume: growth asked for and by itself, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.desired import sized

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.storage import Storage, storage_changed
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve, size_plan
from vectorstore_operator.plan.volume import EVERY, StorageClass, Volume, driver_of
from vectorstore_operator.quantity import GI
from vectorstore_operator.refusal import Refusal

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
FAST = StorageClass("fast", "ebs.csi.example", expands=True, default=True)
STIFF = StorageClass("stiff", "local.csi.example", expands=False)
SHARED = StorageClass("shared", "efs.csi.aws.com", expands=True)
NEW = Volume("data-acme-0", classes=(FAST, STIFF, SHARED), now=NOW)
HELD = replace(NEW, claimed=10 * GI, capacity=10 * GI, used=1 * GI, class_name="fast", driver=FAST.provisioner)
AUTO = {"autoGrow": {"thresholdPercent": 80, "step": "5Gi", "max": "22Gi"}}


def plan(**storage: Any) -> Plan:
    return sized("p", {"documents": 1000, "storage": {"size": "10Gi"} | storage})


def outcome(volume: Volume, given: Plan | None = None, **storage: Any) -> Resolved | Refusal:
    spec = StoreSpec.model_validate({"storage": storage} if storage else {})
    return resolve(Identity("acme", "tenants", "u"), spec, given or plan(), volume)


def size(volume: Volume, given: Plan | None = None, **storage: Any) -> int:
    found = outcome(volume, given, **storage)
    assert isinstance(found, Resolved), found
    return found.storage // GI


def why(volume: Volume, given: Plan | None = None, **storage: Any) -> str:
    found = outcome(volume, given, **storage)
    assert isinstance(found, Refusal), found
    return f"{found.reason}: {found.message}"


def test_a_new_volume_has_what_the_store_or_its_plan_asks_for() -> None:
    assert (size(NEW), size(NEW, size="7Gi"), size(NEW, size="30Gi")) == (10, 7, 30)


def test_a_volume_grows_where_its_store_asks_for_more_and_stays_where_that_goes() -> None:
    assert (size(HELD, size="30Gi"), size(HELD)) == (30, 10)
    assert size(replace(HELD, claimed=30 * GI, requested=30 * GI)) == 30


def test_a_plan_that_grew_makes_volumes_grow_only_where_it_says_so() -> None:
    assert size(HELD, plan(size="15Gi")) == 10
    assert size(HELD, plan(size="15Gi", **AUTO)) == 15
    assert size(HELD, plan(size="15Gi", **AUTO), size="12Gi") == 12


def test_a_volume_that_the_store_asked_for_does_not_shrink() -> None:
    held = replace(HELD, claimed=30 * GI, requested=30 * GI)
    assert "StorageShrinks: spec.storage.size: 20Gi is below the 30Gi" in why(held, size="20Gi")


def test_a_volume_that_was_adopted_or_grew_by_itself_may_be_larger_than_its_spec() -> None:
    assert size(replace(HELD, claimed=30 * GI), size="20Gi") == 30
    assert size(replace(HELD, claimed=30 * GI, requested=20 * GI), size="20Gi") == 30


def test_a_growth_that_could_not_be_may_be_taken_back() -> None:
    assert size(replace(HELD, requested=30 * GI), size="10Gi") == 10


@pytest.mark.parametrize(
    ("volume", "says"),
    [
        (replace(HELD, class_name="stiff"), "its StorageClass stiff does not allow it (allowVolumeExpansion)"),
        (replace(HELD, class_name="gone"), "its StorageClass gone is not there"),
        (replace(HELD, class_name=""), "it has no StorageClass that could make it grow"),
    ],
)
def test_what_cannot_grow_says_why(volume: Volume, says: str) -> None:
    assert size(volume) == 10
    found = why(volume, size="30Gi")
    assert found.startswith("StorageCannotGrow: spec.storage.size: 30Gi is above the 10Gi of claim data-acme-0, and ")
    assert says in found
    assert size(volume, plan(size="15Gi", **AUTO)) == 10


def test_where_classes_are_not_known_growth_is_tried() -> None:
    assert size(replace(HELD, classes=None, class_name="stiff"), size="30Gi") == 30


@pytest.mark.parametrize(
    ("used", "changed", "expected"),
    [
        (7.9, {}, 10),
        (8.0, {}, 15),
        (9.9, {"claimed": 20 * GI, "capacity": 20 * GI}, 20),
        (16.5, {"claimed": 20 * GI, "capacity": 20 * GI}, 22),
        (21.9, {"claimed": 22 * GI, "capacity": 22 * GI}, 22),
        (9.9, {"claimed": 15 * GI}, 15),
        (9.9, {"capacity": None}, 10),
        (9.9, {"grown": NOW - EVERY + timedelta(minutes=1)}, 10),
        (9.9, {"grown": NOW - EVERY}, 15),
    ],
)
def test_automatic_growth_is_a_step_at_a_time(used: float, changed: dict[str, Any], expected: int) -> None:
    assert size(replace(HELD, used=int(used * GI), **changed), plan(**AUTO)) == expected


def test_a_step_that_must_wait_says_how_long() -> None:
    found = outcome(replace(HELD, used=9 * GI, grown=NOW - EVERY + timedelta(minutes=1)), plan(**AUTO))
    assert isinstance(found, Resolved)
    assert found.growth.wait == 60
    found = outcome(replace(HELD, used=9 * GI), plan(**AUTO))
    assert isinstance(found, Resolved)
    assert found.growth.wait is None


def test_a_volume_that_grows_by_itself_may_begin_with_less_than_the_ceiling_needs() -> None:
    spec = {"documents": 1_000_000, "storage": {"size": "2Gi", "autoGrow": {"step": "5Gi", "max": "100Gi"}}}
    small = sized("p", spec)
    found = resolve(Identity("acme"), StoreSpec(), small, NEW)
    assert isinstance(found, Resolved)
    assert (found.documents, found.storage) == (1_000_000, 2 * GI)
    # Where it cannot grow, a quota that was left out is what it holds, and more is refused.
    stiff = replace(NEW, classes=(replace(STIFF, default=True),))
    less = resolve(Identity("acme"), StoreSpec(), small, stiff)
    assert isinstance(less, Resolved)
    assert less.documents < 100_000
    more = resolve(Identity("acme"), StoreSpec.model_validate({"quota": {"documents": 1_000_000}}), small, stiff)
    assert isinstance(more, Refusal)
    assert more.reason == "StorageTooSmall"


def test_a_volume_that_grows_by_itself_must_hold_a_document_to_begin_with() -> None:
    found = why(NEW, plan(**AUTO), size="1Gi")
    assert found.startswith("StorageTooSmall: storage.size: 1Gi hold no document")


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ({"autoGrow": {"step": "1Gi", "max": "2Gi"}}, "storage.autoGrow.max 2Gi cannot hold 1000000 documents"),
        (
            {"size": "1Mi", "autoGrow": {"step": "1Gi", "max": "90Gi"}},
            "storage.size 1Mi holds no document to begin with",
        ),
        (
            {"size": "91Gi", "autoGrow": {"step": "1Gi", "max": "90Gi"}},
            "storage.size 91Gi is above storage.autoGrow.max",
        ),
    ],
)
def test_a_plan_that_cannot_grow_as_it_says_is_refused(storage: dict[str, Any], says: str) -> None:

    found = size_plan("p", PlanSpec.model_validate({"documents": 1_000_000, "storage": storage}))
    assert isinstance(found, Refusal)
    assert says in found.message


@pytest.mark.parametrize(
    "driver",
    [
        "nfs",
        "azurefile",
        "efs.csi.aws.com",
        "file.csi.azure.com",
        "nfs.csi.k8s.io",
        "smb.csi.k8s.io",
        "rook-ceph.cephfs.csi.ceph.com",
        "filestore.csi.storage.gke.io",
        "cluster.local/nfs-subdir-external-provisioner",
        "kubernetes.io/azure-file",
        "fsx.csi.aws.com",
    ],
)
def test_network_file_systems_are_refused(driver: str) -> None:
    assert f"NetworkFileSystem: claim data-acme-0 is on {driver}" in why(replace(HELD, driver=driver))
    classes = (StorageClass("shared", driver, expands=True),)
    assert "NetworkFileSystem: storage.className: StorageClass shared is on" in why(
        replace(NEW, classes=classes), className="shared"
    )


@pytest.mark.parametrize(
    "driver",
    ["ebs.csi.aws.com", "disk.csi.azure.com", "pd.csi.storage.gke.io", "rbd.csi.ceph.com", "rancher.io/local-path"],
)
def test_block_and_local_volumes_are_not(driver: str) -> None:
    assert size(replace(HELD, driver=driver)) == 10


def test_the_clusters_default_class_counts_where_none_is_named() -> None:
    assert "NetworkFileSystem" in why(replace(NEW, classes=(replace(SHARED, default=True),)))
    assert size(replace(NEW, classes=(SHARED,))) == 10


def test_a_volume_of_another_class_is_not_taken_for_the_one_asked_for() -> None:
    found = why(HELD, className="stiff")
    assert "StorageClassDiffers: spec.storage.className: stiff" in found
    assert "is of StorageClass 'fast'" in found
    assert size(HELD, plan(className="stiff")) == 10
    assert size(HELD, className="fast") == 10


@pytest.mark.parametrize(
    ("spec", "driver"),
    [
        ({"csi": {"driver": "efs.csi.aws.com"}}, "efs.csi.aws.com"),
        ({"nfs": {"server": "s"}}, "nfs"),
        ({"azureFile": {}}, "azurefile"),
        ({"hostPath": {}}, ""),
    ],
)
def test_what_a_volume_is_made_of(spec: dict[str, Any], driver: str) -> None:
    assert driver_of({"spec": spec}) == driver


def test_on_one_machine_the_same_is_said() -> None:

    small, large = Storage(size="10Gi"), Storage(size="20Gi")
    assert storage_changed(small, large) is storage_changed(None, large) is storage_changed(large, None) is None
    assert "does not shrink" in (storage_changed(large, small) or "")
    assert "className is fixed" in (storage_changed(None, Storage(class_name="fast")) or "")
