"""The demo's passages: all of the text, in pieces that the model reads as a whole."""

import importlib.util
from pathlib import Path
from pydoc_data.topics import topics

SPEC = importlib.util.spec_from_file_location("ask_python", Path(__file__).parents[3] / "examples" / "ask_python.py")
assert SPEC is not None
assert SPEC.loader is not None
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)


def test_no_word_of_a_topic_is_lost() -> None:
    for text in topics.values():
        assert "\n".join(example.chunks(text)).split() == text.split()


def test_every_passage_fits_the_model() -> None:
    passages = [passage for text in topics.values() for passage in example.chunks(text)]
    assert max(map(example.tokens, passages)) <= example.MOST_TOKENS
    assert len(passages) > 1000
