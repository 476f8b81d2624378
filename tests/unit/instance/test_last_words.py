"""Why an instance ended, where Kubernetes looks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectorstore_instance import main


def test_data_of_another_model_is_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, data, keys = tmp_path / "termination-log", tmp_path / "data", tmp_path / "keys"
    for folder in (data, keys):
        folder.mkdir()
    words.touch()
    (keys / "read-write").write_text("a key\n")
    stamp = {"model": "all-MiniLM-L6-v2", "dimension": 384, "precision": "fp32"}
    (data / "embedding.json").write_text(json.dumps(stamp))
    settings = {"DATA_DIR": data, "KEYS_DIR": keys, "MODEL_NAME": "none", "DIMENSION": 3, "PORT": 0}
    for name, value in (settings | {"MANAGEMENT_PORT": 0}).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(main, "TERMINATION_LOG", words)
    monkeypatch.setattr(main.logs, "configure", lambda _: None)  # it is for a process of its own, and would stay
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert words.read_text().startswith("MODEL_NAME: none is set, and the data in ")
    assert "a key" not in words.read_text()
