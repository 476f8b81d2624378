"""The operator as users install it: by its chart."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.cluster import PATIENCE, Cluster, run

CHART = Path(__file__).parents[2] / "charts" / "vectorstore-operator"


def _image(prefix: str, variable: str) -> list[str]:
    repository, _, tag = os.environ[variable].rpartition(":")
    return ["--set", f"{prefix}.repository={repository}", "--set", f"{prefix}.tag={tag}"]


class Chart:
    """One release of the chart."""

    name = "vectorstore-operator"
    cluster = Cluster("e2e-operator")

    def install(self, *options: str) -> None:
        """Installs or upgrades with the options, and waits until the operator is ready."""
        images = [*_image("image", "E2E_OPERATOR_IMAGE"), *_image("instance.image", "E2E_INSTANCE_IMAGE")]
        wait = ["--wait", f"--timeout={PATIENCE}s"]
        run(
            "helm",
            "-n",
            self.cluster.namespace,
            "upgrade",
            "--install",
            self.name,
            str(CHART),
            *images,
            *wait,
            *options,
        )

    def uninstall(self) -> None:
        """Removes the release, and waits until the operator is gone; what the chart keeps stays."""
        run("helm", "-n", self.cluster.namespace, "uninstall", self.name, "--wait", f"--timeout={PATIENCE}s")
        its = ("-l", f"app.kubernetes.io/name={self.name}")  # Jobs that ended stay for a while
        self.cluster.kubectl("wait", "pods", *its, "--for=delete", f"--timeout={PATIENCE}s")

    def remove_kept(self) -> None:
        """Removes what outlives the release: the CRDs, and every store and plan with them."""
        crds = self.cluster.kubectl("get", "crd", "-o", "name").split()
        self.cluster.kubectl("delete", *(crd for crd in crds if crd.endswith(".vectorstore.dev")))
