"""Whether a document is an Open Data Contract, by the standard's own JSON schema."""

import json
from functools import cache
from importlib.resources import files

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError, relevance

from contracts.documents import Document

API_VERSION = "v3.1.0"


@cache
def _validator() -> Draft201909Validator:
    schema = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(schema))


def check(document: Document) -> None:
    """Add a finding for each place where the document breaks the standard."""
    reported = set()
    for error in _validator().iter_errors(document.data):
        cause = _root_cause(error)
        finding = (tuple(cause.absolute_path), cause.message)
        if finding not in reported:
            reported.add(finding)
            document.fault(finding[0], f"breaks the Open Data Contract Standard: {cause.message}")


def _root_cause(error: ValidationError) -> ValidationError:
    """The most telling error below one that only says that no branch fits."""
    while error.context:
        error = max(error.context, key=relevance)
    return error
