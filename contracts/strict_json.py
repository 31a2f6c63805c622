"""JSON as RFC 8259 has it, one document at a time: numbers as they were written, and no key twice.

This is the slow, exact reader behind the vectorised one: it says why a document was refused, and writes down what a
contract does not know without changing it.
"""

import json
from collections.abc import Sequence
from typing import NoReturn

MAXIMUM_DEPTH = 32
"""No contract needs more, and no reader after us should have to follow more."""


class Number(str):
    """A number as it was written, so that none is rounded or too large."""

    __slots__ = ()


Json = dict[str, "Json"] | list["Json"] | Number | str | bool | None


class NotJsonError(ValueError):
    """The document is no JSON, or JSON that two readers could understand in two ways."""


def parse(text: str) -> Json:
    """The document's value. Raises NotJsonError, whatever the text is."""
    try:
        value: Json = _DECODER.decode(text)
        # Half of a surrogate pair is no character: it could not be stored as UTF-8.
        if "\\u" in text:
            dump(value).encode()
    except RecursionError:
        raise NotJsonError(_TOO_DEEP) from None
    except UnicodeEncodeError:
        raise NotJsonError("it holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at character {error.pos}") from None
    return value


def dump(value: Json, deepest: int = MAXIMUM_DEPTH) -> str:
    """The value as compact JSON, numbers as they were written. Raises NotJsonError where it is nested too deeply."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict | list) and deepest == 0:
        raise NotJsonError(_TOO_DEEP)
    if isinstance(value, dict):
        return "{" + ",".join([f"{_ENCODE(key)}:{dump(item, deepest - 1)}" for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([dump(item, deepest - 1) for item in value]) + "]"
    return _ENCODE(value)


def _once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise NotJsonError(f"the key {twice[:40]!r} stands twice in one object")
    return value


def _refuse(constant: str) -> NoReturn:
    raise NotJsonError(f"{constant} is no JSON")


_TOO_DEEP = f"it is nested more than {MAXIMUM_DEPTH} deep"
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=Number, parse_int=Number, parse_constant=_refuse)
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
