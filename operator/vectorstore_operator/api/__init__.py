"""The Kubernetes API of this project: pydantic models, and nothing else defines it.

`crd.py` turns them into the schemas in `crds/`; the operator, the CLI and the tests parse manifests
with them. The schema only ever grows: one version, `v1alpha1`, is served and stored.
"""

GROUP = "vectorstore.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
