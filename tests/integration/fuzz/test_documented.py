"""Every documented route under requests made from its own documentation, those that fit it and those that do not."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import given
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.integration.fuzz.conftest import examples
from tests.support.besieged import PATIENCE, Answer, Besieged

DEFAULT_COLLECTION = "documents"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_answers_are_as_documented(besieged: Besieged, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{besieged.running.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        if mode is GenerationMode.POSITIVE or operation.body or operation.path_parameters or operation.query:
            attempt(besieged, operation, mode, len(operations))


def attempt(besieged: Besieged, operation: Any, mode: GenerationMode, operations: int) -> None:
    @examples(3, each_of=operations)
    @given(operation.as_strategy(generation_mode=mode))
    def holds(case: Case) -> None:
        # The key is right and what a path names is there: else most cases would end at 401 and 404.
        case.headers = {"x-chroma-token": besieged.running.key()}
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = dict.fromkeys(case.path_parameters or (), DEFAULT_COLLECTION)
        response = case.call(timeout=PATIENCE)
        besieged.judge(Answer(response.status_code, response.content), case.path)
        case.validate_response(response, checks=CHECKS)

    holds()
