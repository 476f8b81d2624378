"""LangChain on a store, unmodified.

    vectorstore up -f examples/store.yaml
    python examples/langchain_client.py [NAME]

Needs langchain-chroma. LangChain embeds on the client: put the embeddings of your provider in place of
`DeterministicFakeEmbedding`, which knows texts again and no meaning. Texts that the store itself shall
embed go to its text API: see curl.sh.
"""

import sys

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from python_client import connect


def main(name: str) -> None:
    store = Chroma(
        client=connect(name), collection_name="langchain", embedding_function=DeterministicFakeEmbedding(size=384)
    )
    store.add_documents(
        [
            Document("The invoice of March is paid.", metadata={"month": 3}),
            Document("The invoice of April is open.", metadata={"month": 4}),
        ],
        ids=["march", "april"],
    )
    for document in store.similarity_search("The invoice of April is open.", k=1):
        print("found:", document.page_content)
    for document in store.similarity_search("any", k=1, filter={"month": 3}):
        print("of March:", document.page_content)


if __name__ == "__main__":
    main(*sys.argv[1:] or ["acme"])
