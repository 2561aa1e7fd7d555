"""JSON Merge Patch: the examples of RFC 7396, appendix A, and numbers of any length."""

import json
from decimal import Decimal
from typing import Any

import pytest

from dreamlake_assets.model import exact_json
from dreamlake_assets.model.merge_patch import merged


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        (None, {}, {}),
        ({"a": 1}, {"a": {"b": {"c": [None]}}}, {"a": {"b": {"c": [None]}}}),
    ],
)
def test_the_rules_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    before = json.dumps([target, patch])

    assert merged(target, patch) == result
    assert json.dumps([target, patch]) == before


def test_long_numbers_are_kept() -> None:
    target = exact_json.loads('{"a": 0.1234567890123456789, "b": {"c": 1}}')
    patch = exact_json.loads('{"b": {"d": 123456789012345678901234567890}}')

    text = exact_json.dumps(merged(target, patch))
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == {
        "a": Decimal("0.1234567890123456789"),
        "b": {"c": 1, "d": 123456789012345678901234567890},
    }
