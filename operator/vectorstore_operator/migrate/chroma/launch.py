"""What runs in the engine's process: Chroma's own server, entered without importing the chromadb package.

python -m vectorstore_operator.migrate.chroma.launch CONFIG PARENT
"""

import sys

from vectorstore_operator.local.supervisor import die_with


def main(config: str, parent: str) -> None:
    """Ties this process to its parent's life and becomes Chroma's server."""
    die_with(int(parent))
    import chromadb_rust_bindings  # type: ignore[import-untyped]

    chromadb_rust_bindings.cli(["chroma", "run", config])


if __name__ == "__main__":
    main(*sys.argv[1:])
