"""Loads the language reference that ships inside Python into a store, and asks it questions.

    vectorstore up -f examples/store.yaml
    python examples/ask_python.py [NAME]

Texts go in, texts come out: the store embeds them. Only the standard library is needed. Running it
again loads only what is missing.
"""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

COLLECTION = "python-reference"
QUESTIONS = (
    "How do I write a function without a name?",
    "What does the with statement do when its block fails?",
    "Why can a loop have an else part?",
    "What makes an object usable as a key of a dictionary?",
)
MOST_TOKENS = 200
"""The model reads 256; what is counted here is an estimate."""
BATCH = 16


class Store:
    """A store's text API."""

    def __init__(self, name: str) -> None:
        shown = subprocess.run(["vectorstore", "get", name, "-o", "json"], stdout=subprocess.PIPE, check=True)
        about = json.loads(shown.stdout)
        self.url: str = about["url"]
        self.key_file: str = about["readWriteKeyFile"]
        self._key = Path(self.key_file).read_text().strip()

    def post(self, path: str, body: dict) -> dict:
        """Sends JSON, returns JSON; raises urllib.error.HTTPError on a refusal."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def main(name: str) -> None:
    store = Store(name)
    load(store, {f"{topic}-{i}": text for topic in topics for i, text in enumerate(chunks(topics[topic]))})
    answers = store.post(f"/collections/{COLLECTION}/query", {"query_texts": list(QUESTIONS), "n_results": 1})
    for question, (best,) in zip(QUESTIONS, answers["results"], strict=True):
        print(f"\n{question}\n  -> {best['metadata']['topic']} (distance {best['distance']:.2f})")
        print("\n".join(f"     {line}" for line in best["document"].strip().splitlines()[:5]))
    print(SNIPPET.format(url=store.url, key_file=store.key_file, port=store.url.rpartition(":")[2], name=COLLECTION))


def load(store: Store, texts: dict[str, str]) -> None:
    """Stores the texts that are not there yet."""
    try:
        store.post("/collections/create", {"name": COLLECTION})
    except urllib.error.HTTPError as refusal:
        if refusal.code != 409:  # it is there already
            raise
    ids = list(texts)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        there = {row["id"] for row in store.post(f"/collections/{COLLECTION}/get", {"ids": batch})["results"]}
        missing = [one for one in batch if one not in there]
        if missing:
            body = {
                "ids": missing,
                "documents": [texts[one] for one in missing],
                "metadatas": [{"topic": one.rpartition("-")[0]} for one in missing],
            }
            store.post(f"/collections/{COLLECTION}/upsert", body)
        print(f"\rloaded {start + len(batch)} of {len(ids)} passages", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def chunks(text: str) -> Iterator[str]:
    """Passages of a text that the model can read as a whole: paragraphs together, as many as fit."""
    passage = ""
    for piece in pieces(text):
        if passage and tokens(passage) + tokens(piece) > MOST_TOKENS:
            yield passage.strip("\n")
            passage = ""
        passage += piece
    if passage.strip():
        yield passage.strip("\n")


def pieces(text: str) -> Iterator[str]:
    """Paragraphs with the blank lines behind them; long ones line by line, and long lines word by word."""
    for paragraph in re.findall(r".+?(?:\n\s*\n|\Z)", text, re.DOTALL):
        if tokens(paragraph) <= MOST_TOKENS:
            yield paragraph
        else:
            for line in paragraph.splitlines(keepends=True):
                yield from [line] if tokens(line) <= MOST_TOKENS else re.findall(r"\S+\s*", line)


def tokens(text: str) -> int:
    """About as many as the model sees: a sign is one, a word one for every four letters."""
    return sum(1 + len(word) // 4 for word in re.findall(r"[^\W_]+|[^\w\s]|_", text))


SNIPPET = """
The store goes on running.
  URL       {url}  (try it in a browser: {url}/docs)
  key file  {key_file}
Any Chroma client can use it (pip install chromadb):

  import chromadb
  key = open("{key_file}").read().strip()
  client = chromadb.HttpClient("127.0.0.1", {port}, headers={{"x-chroma-token": key}})
  print(client.get_collection("{name}").get(where_document={{"$contains": "lambda"}}, limit=1))
"""

if __name__ == "__main__":
    main(*sys.argv[1:] or ["acme"])
