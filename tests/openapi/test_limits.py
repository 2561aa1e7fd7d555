"""The document and the validation accept the same values."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.schemas import queries, requests
from tests.support.openapi import document, resolved, validator

PLACE = {"namespace": "testuser", "project": "robotics"}
#: Characters that the rules mention, and some that they do not.
LETTERS = st.sampled_from([*"aZ09./-_ é\U0001f600*[]{}\\!,", "\x00", "\n", "\x7f", "\x9f", "en"])
TEXTS = st.lists(LETTERS, max_size=12).map("".join)
#: Texts at the length limits, in characters as the document counts them.
LONG = st.builds(
    lambda letter, length, end: letter * length + end,
    st.sampled_from("a/."),
    st.sampled_from([127, 128, 129, 199, 200, 201, 254, 255, 256, 511, 512, 513]),
    st.sampled_from(["", "a", "/a", "/"]),
)
FOLDERS = st.integers(30, 34).map(lambda count: "/a" * count)
NUMBERS = st.one_of(
    st.integers(-2, 3),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), 5e-324, 1e308, 0.5, 1.0, 1.5, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
IDS = st.sampled_from(
    [
        "019d8b7a-91e0-7c4f-8a53-0d5e2f1b6c7a",
        "019D8B7A-91E0-7C4F-8A53-0D5E2F1B6C7A",
        "019d8b7a91e07c4f8a530d5e2f1b6c7a",
        "{019d8b7a-91e0-7c4f-8a53-0d5e2f1b6c7a}",
    ]
)
TIMES = st.builds(
    "{}-{}{}{}{}".format,
    st.sampled_from(["0000", "0001", "0002", "2026", "9998", "9999"]),
    st.sampled_from(["01-01", "02-28", "02-29", "12-31", "13-01", "1-1"]),
    st.sampled_from("Tt "),
    st.sampled_from(
        ["00:00:00", "23:59:59", "23:59:60", "15:59:60", "24:00:00", "9:30:00", "09:30"]
    ),
    st.sampled_from(
        ["Z", "z", "", ".5Z", ".1234567890z", "-08:00", "+23:59", "-00:00", "+24:00", "+01"]
    ),
)
WHOLE = re.compile("[0-9]+")
WHOLE_NUMBERS = st.sampled_from(["0", "1", "999", "1000", "1001", "-1", "+1", "1.0", "01", "1e2"])
WORDS = st.sampled_from(
    ["pinhole", "fisheye", "eqrec", "vtt", "srt", "jsonl", "en", "pt-BR", "zh-Hans-CN", "e", "en-"]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES = st.one_of(
    *(TEXTS, LONG, FOLDERS, NUMBERS, IDS, WORDS, JSON),
    st.lists(TEXTS | LONG, max_size=3),
    st.integers(98, 102).map(lambda count: ["a"] * count),
)


def is_taken(schema: Any, data: dict[str, Any]) -> bool:
    try:
        requests.load(schema, data)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_bodies(kind: str) -> None:
    content = document()["paths"][f"/assets/{kind}"]["post"]["requestBody"]["content"]
    documented = content["application/json"]["schema"]
    allowed = validator(documented)
    names = sorted(resolved(documented)["properties"])

    @settings(max_examples=500, deadline=None, derandomize=True)
    @given(st.sampled_from([*names, "unknown"]), VALUES)
    def agree(name: str, value: Any) -> None:
        body = {**PLACE, name: value}

        assert allowed.is_valid(body) == is_taken(requests.REGISTER[kind], body)

    agree()


@pytest.mark.parametrize(
    ("path", "schema", "required"),
    [
        ("/assets/video", queries.LIST, PLACE),
        ("/assets/video/download", requests.DOWNLOAD, {**PLACE, "path": "/a"}),
        ("/assets/projects", queries.PROJECTS, {"namespace": "testuser"}),
        ("/assets/episodes", queries.EPISODES, PLACE),
        ("/assets/folders", queries.FOLDERS, PLACE),
    ],
    ids=["list", "download", "projects", "episodes", "folders"],
)
def test_queries(path: str, schema: Any, required: dict[str, str]) -> None:
    parameters = map(resolved, document()["paths"][path]["get"]["parameters"])
    documented = {each["name"]: each for each in parameters if each["in"] == "query"}
    allowed = {name: validator(each["schema"]) for name, each in documented.items()}
    assert {name for name, each in documented.items() if each.get("required")} == required.keys()

    @settings(max_examples=1000, deadline=None, derandomize=True)
    @given(
        st.sampled_from(sorted(documented)), TEXTS | LONG | FOLDERS | IDS | WHOLE_NUMBERS | TIMES
    )
    def agree(name: str, text: str) -> None:
        kind = documented[name]["schema"]["type"]
        sent = [text] if kind == "array" else text
        meant = int(text) if kind == "integer" and WHOLE.fullmatch(text) else sent
        is_allowed = allowed[name].is_valid(meant)
        taken = is_taken(schema, {**required, name: sent})

        # A glob also has a grammar, which the document cannot express.
        if name == "glob":
            assert is_allowed or not taken
        else:
            assert is_allowed == taken

    agree()


@pytest.mark.parametrize(
    ("schema", "required"),
    [
        *((schema, PLACE) for schema in requests.REGISTER.values()),
        (queries.LIST, PLACE),
        (requests.DOWNLOAD, {**PLACE, "path": "/a"}),
    ],
    ids=[*KINDS, "list", "download"],
)
def test_space_takes_what_project_takes(schema: Any, required: dict[str, str]) -> None:
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(VALUES)
    def agree(value: Any) -> None:
        others = {name: each for name, each in required.items() if name != "project"}
        taken = is_taken(schema, {**others, "project": value})

        assert is_taken(schema, {**others, "space": value}) == taken
        assert is_taken(schema, {**others, "project": value, "space": value}) == taken

    agree()
