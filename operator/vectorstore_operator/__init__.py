"""The control plane: turns VectorStore manifests into running, secured instances.

A package inside the folder `operator/`: a bare `operator` module is the standard library's.
"""

__version__ = "0.1.0"
