"""Slack's own rules for messages, from the shared checker where it lies beside the project."""

import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

SHARED = Path(os.environ.get("SHARED") or Path(__file__).parents[3] / "shared")
CHECKER = SHARED / "tools" / "check_blocks.py"
checked = pytest.mark.skipif(not CHECKER.is_file(), reason=f"no checker in {CHECKER}")


@cache
def _checker():
    spec = importlib.util.spec_from_file_location("check_blocks", CHECKER)
    checker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checker)
    checker.Draft7Validator = extend(Draft7Validator, {"anyOf": any_of})
    return checker


def any_of(validator, alternatives, instance, schema):  # noqa: ARG001 - as jsonschema calls it
    """`anyOf` that leaves an alternative at its first fault: a block is one of twenty, and finding all faults of the others takes most of the time."""
    if not any(next(validator.descend(instance, one), None) is None for one in alternatives):
        yield ValidationError(f"{instance!r} is not valid under any of the given schemas")


def faults(kind, payload):
    """The faults of a message, modal or manifest, as sentences; none where the checker is missing."""
    return _checker().faults(kind, payload) if CHECKER.is_file() else []


def message_faults(message):
    """Of one of our messages."""
    return faults("message", {"text": message.text, "blocks": list(message.blocks)})
