"""POST /assets/<kind>: every bad body gets an error that names the field, and stores nothing."""

import gzip
import json
from typing import Any

import psycopg
import pytest

from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE
from tests.support.api import LEFT_OUT, PROJECT, Api, problem, row_counts

CONTROL = "Control characters are not allowed."
SURROGATE = "Unpaired surrogates are not allowed."
STRING = "Must be a string."
POSITIVE = "Must be a finite number above 0."
COUNT = "Must be a whole number from 1 to 2147483647."
SIZE = "Must be a whole number from 0 to 9007199254740991."
SHA256 = "Must be a SHA-256: 64 hexadecimal digits."
MEDIA_TYPE = "Must be a media type, such as video/mp4."
SLUG = "Must be 1 to 128 letters, digits, '.', '_' or '-', and begin with a letter or a digit."
SLASH = "Must not end with a slash."
ONLY_SLASHES = "Must have a character other than a slash."
DOTS = "Must not have a segment '.' or '..'."
LONG_NAME = "Must have at most 1024 bytes in UTF-8."
LONG_SEGMENT = "A segment must have at most 255 bytes in UTF-8."
FOLDERS = "Must have at most 32 folders."
EPISODE = "Must have at most 512 characters."
LIST = "Must be an array."
TAG = "[0] Must have 1 to 200 characters."
OBJECT = "Must be an object."
LANGUAGE = "Must be a language tag, such as en, pt-BR or zh-Hans-CN."
BSS_ID = "Must have 1 to 512 characters."
LENS = "Must be one of: fisheye, pinhole, eqrec."
FORMAT = "Must be one of: vtt, srt, jsonl."
UNKNOWN = "Unknown field."

#: Values as JSON text. Some are invalid in strict JSON (NaN, an unpaired surrogate).
NO_STRINGS = ["0", "1.5", "true", "false", "[]", "{}", '["a"]', "NaN"]
NO_NUMBERS = ['"30"', '""', "true", "false", "[]", "[30]", "{}", '"NaN"']
BAD_NUMBERS = ["0", "-0", "-0.0", "-1", "1e-400", "NaN", "Infinity", "-Infinity", "1e999", "-1e999"]
HUGE_INTEGERS = ["1" * 400, "1" * 5000]
BAD_SLUGS = [
    '"-a"',
    '".a"',
    '"a b"',
    '"a/b"',
    '"ä"',
    '"a\\n"',
    '"\\u0000"',
    '"\\ud800"',
    '"\u0661"',
]

CASES: list[tuple[str, str, str, str]] = [
    *(("video", "namespace", value, SLUG) for value in [*BAD_SLUGS, f'"{"n" * 129}"']),
    *(("video", "project", value, SLUG) for value in [*BAD_SLUGS, f'"{"p" * 129}"']),
    *(
        ("video", field, value, STRING)
        for field in ("namespace", "project", "episodeName", "name", "bssVideoId", "lens")
        for value in NO_STRINGS
    ),
    *(
        (kind, KINDS[kind].bss_field, value, message)
        for kind in KINDS
        for value, message in [
            ('""', BSS_ID),
            (f'"{"x" * 513}"', BSS_ID),
            ('"."', "Must not be '.' or '..'."),
            ('".."', "Must not be '.' or '..'."),
            ('"a\\u0000"', CONTROL),
            ('"\\udc00"', SURROGATE),
            ("7", STRING),
        ]
    ),
    ("video", "episodeName", '"a\\u0000b"', CONTROL),
    ("video", "episodeName", '"a\\tb"', CONTROL),
    ("video", "episodeName", '"\\ud800"', SURROGATE),
    ("video", "episodeName", f'"{"e" * 513}"', EPISODE),
    ("video", "name", '"a\\u0000b"', CONTROL),
    ("video", "name", '"a\\nb"', CONTROL),
    ("video", "name", '"a\\u007fb"', CONTROL),
    ("video", "name", '"a\\u0085b"', CONTROL),
    ("video", "name", '"a\\ud800b"', SURROGATE),
    ("video", "name", '"\\udc00\\ud800"', SURROGATE),
    ("video", "name", '""', ONLY_SLASHES),
    ("video", "name", '"/"', ONLY_SLASHES),
    ("video", "name", '"//"', ONLY_SLASHES),
    ("video", "name", '"/camera/"', SLASH),
    ("video", "name", '"/camera//"', SLASH),
    ("video", "name", '"."', DOTS),
    ("video", "name", '"/a/./b"', DOTS),
    ("video", "name", '"/a/../b"', DOTS),
    ("video", "name", '"/a/.."', DOTS),
    ("video", "name", f'"/{"/".join(["s" * 255] * 4)}/x"', LONG_NAME),
    ("video", "name", f'"{"é" * 600}"', LONG_NAME),
    ("video", "name", f'"/{"s" * 256}/x"', LONG_SEGMENT),
    ("video", "name", f'"/{"é" * 128}"', LONG_SEGMENT),
    ("video", "name", f'"/{"/".join(["d"] * 33)}/f"', FOLDERS),
    *(
        (kind, field, value, POSITIVE)
        for kind, field in (("video", "fps"), ("audio", "sampleRate"))
        for value in [*NO_NUMBERS, *BAD_NUMBERS, *HUGE_INTEGERS]
    ),
    *(
        (kind, field, value, COUNT)
        for kind, field in (("audio", "channels"), ("image", "width"), ("image", "height"))
        for value in [
            *NO_NUMBERS,
            *BAD_NUMBERS,
            *HUGE_INTEGERS,
            "1.5",
            "2147483648",
            "1" * 30,
            f"2.{'0' * 20}1",
        ]
    ),
    *(
        ("video", "size", value, SIZE)
        for value in [
            *NO_NUMBERS,
            "-1",
            "0.5",
            "9007199254740992",
            "9007199254740991.5",
            f"2.{'0' * 20}1",
            *HUGE_INTEGERS,
        ]
    ),
    *(
        ("audio", "sha256", value, SHA256)
        for value in ('""', f'"{"ab" * 31}"', f'"{"ab" * 33}"', f'"{"zz" * 32}"')
    ),
    *(
        ("file", "contentType", value, MEDIA_TYPE)
        for value in ('""', '"video"', '"video/"', '"a/b;"', '"a/b; c"', '"a/b; c=\\"d"', '"a/é"')
    ),
    ("image", "contentType", f'"a/{"b" * 254}"', "Must have at most 255 characters."),
    *(("video", "lens", value, LENS) for value in ('""', '"wide"', '"Pinhole"')),
    ("video", "lens", '"\\u0000"', CONTROL),
    *(("text-track", "format", value, FORMAT) for value in ('""', '"txt"', '"VTT"')),
    *(("text-track", "format", value, STRING) for value in ("1", '["vtt"]')),
    *(
        ("text-track", "language", value, LANGUAGE)
        for value in (
            '""',
            '"e"',
            '"languagetag"',
            '"en_US"',
            '"en-"',
            '"-en"',
            '"en-toolongsub"',
            f'"en{"-a" * 8}"',
            '"en\\n"',
            '"日本"',
            '"en-\\ud800"',
        )
    ),
    ("text-track", "language", "1", STRING),
    *(("video", "tags", value, LIST) for value in ('"night"', "1", "true", "{}", '{"a": 1}')),
    ("video", "tags", '[""]', TAG),
    ("video", "tags", f'["{"t" * 201}"]', TAG),
    ("video", "tags", "[null]", "[0] Must not be null."),
    ("video", "tags", "[1]", f"[0] {STRING}"),
    ("video", "tags", '[["a"]]', f"[0] {STRING}"),
    ("video", "tags", '["a\\u0000"]', f"[0] {CONTROL}"),
    ("video", "tags", '["\\ud800"]', f"[0] {SURROGATE}"),
    ("video", "tags", json.dumps(["t"] * 101), "Must have at most 100 tags."),
    *(("video", "metadata", value, OBJECT) for value in ("[]", '"x"', "1", "true", "NaN")),
    ("video", "metadata", '{"a": "\\u0000"}', "NUL characters are not allowed."),
    ("video", "metadata", '{"a": [{"\\u0000": 1}]}', "NUL characters are not allowed."),
    ("video", "metadata", '{"a": ["\\ud800"]}', SURROGATE),
    ("video", "metadata", '{"\\ud800": 1}', SURROGATE),
    ("video", "metadata", '{"a": NaN}', "Numbers must be finite."),
    ("video", "metadata", '{"a": [1, -Infinity]}', "Numbers must be finite."),
    ("video", "metadata", '{"a": {"b": 1e999}}', "Numbers must be finite."),
    ("video", "metadata", f'{{"a": {"1" * 5000}}}', "Numbers must be finite."),
    ("video", "metadata", f'{{"a": "{"x" * 65_536}"}}', "Must have at most 65536 bytes as JSON."),
    ("video", "metadata", f'{{"a": "{"é" * 32_768}"}}', "Must have at most 65536 bytes as JSON."),
    ("video", "metadata", f'{{"a": {"[" * 300}{"]" * 300}}}', "Is nested too deeply."),
    ("video", "metadata", '{"a": ' * 300 + "1" + "}" * 300, "Is nested too deeply."),
    ("video", "bss_id", '"x"', f"{UNKNOWN[:-1]}; did you mean bssVideoId?"),
    ("video", "episode", '"x"', f"{UNKNOWN[:-1]}; did you mean episodeName?"),
    ("video", "episodeId", '"x"', f"{UNKNOWN[:-1]}; did you mean episodeName?"),
    ("video", "Name", '"x"', f"{UNKNOWN[:-1]}; did you mean name?"),
    ("video", "sampleRate", "1", UNKNOWN),
    ("video", "bssAudioId", '"x"', UNKNOWN),
    ("audio", "fps", "30", UNKNOWN),
    ("label-track", "lens", '"pinhole"', UNKNOWN),
    ("text-track", "channels", "1", UNKNOWN),
    ("video", "width", "1", UNKNOWN),
    ("image", "bssVideoId", '"x"', UNKNOWN),
    ("video", "", "1", UNKNOWN),
    ("video", "kind", "NaN", UNKNOWN),
    ("video", "namespace_id", "1", f"{UNKNOWN[:-1]}; did you mean namespace?"),
]


def cases() -> list[object]:
    """The cases, each with an id made of its index, field and value."""
    return [
        pytest.param(*case, id=f"{number}-{case[1]}-{case[2][:20]}")
        for number, case in enumerate(CASES)
    ]


@pytest.mark.parametrize(("kind", "field", "value", "message"), cases())
def test_a_bad_value_is_refused_by_the_name_of_its_field(
    *,
    shared_api: Api,
    shared_connection: psycopg.Connection,
    kind: str,
    field: str,
    value: str,
    message: str,
) -> None:
    before = row_counts(shared_connection)
    good = {"namespace": f'"{NAMESPACE}"', "project": f'"{PROJECT}"', "episodeName": '"new"'}
    members = {**good, "name": '"/new/file"', field: value}

    response = shared_api.send(
        "{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}", kind
    )

    assert response.status_code == 400, response.text
    assert problem(response) == {
        "error": f"{field}: {message}",
        "code": "invalid_request",
        "fields": {field: [message]},
    }
    assert row_counts(shared_connection) == before


@pytest.mark.every_way
def test_every_wrong_field_is_named_at_once(shared_api: Api) -> None:
    # In the order in which the client sorts them.
    unknown = dict.fromkeys(("Nmae", "alpha", "filename", "nmae", "zeta"), 1)
    response = shared_api.register(**unknown, fps=True, tags=[1, ""], metadata=[])

    assert response.status_code == 400
    fields = {
        "fps": [POSITIVE],
        "tags": [f"[0] {STRING}", "[1] Must have 1 to 200 characters."],
        "metadata": [OBJECT],
        **{name: [UNKNOWN] for name in unknown},
    }
    answer = problem(response)
    assert answer["fields"] == fields
    # The unknown ones have the order of the body.
    assert [name for name in answer["fields"] if name in unknown] == [*unknown]
    assert answer["error"] == " ".join(
        f"{name}: {' '.join(messages)}" for name, messages in answer["fields"].items()
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\\ud800", "\\ud800"),
        ("a\\u0000b", "a\0b"),
        ("🎬", "🎬"),
        ("__class__", "__class__"),
        ("context", "context"),
    ],
)
def test_an_unknown_field_of_any_name_is_named(shared_api: Api, name: str, shown: str) -> None:
    response = shared_api.send(
        f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}", "{name}": 1}}'
    )

    assert response.status_code == 400
    assert problem(response) == {
        "error": f"{shown}: {UNKNOWN}",
        "code": "invalid_request",
        "fields": {shown: [UNKNOWN]},
    }


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("nothing", [LEFT_OUT, None, ""], ids=["left out", "null", "empty"])
@pytest.mark.parametrize("missing", [["namespace"], ["project"], ["namespace", "project"]])
def test_namespace_and_project_are_required(
    shared_api: Api, kind: str, nothing: Any, missing: list[str]
) -> None:
    fields: dict[str, Any] = dict.fromkeys(missing, nothing)

    response = shared_api.register(kind, **fields)

    assert response.status_code == 400
    assert problem(response) == {
        "error": "namespace or project missing",
        "code": "invalid_request",
        "fields": {name: ["Is required."] for name in missing},
    }


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "true", "NaN", "[{}]"])
def test_a_body_must_be_an_object(shared_api: Api, body: str) -> None:
    response = shared_api.send(body)

    assert response.status_code == 400
    assert problem(response) == {
        "error": "The body must be a JSON object.",
        "code": "invalid_request",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xff",
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 01}',
        b'{"a": "\n"}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=repr,
)
def test_a_body_must_be_json(shared_api: Api, body: bytes) -> None:
    response = shared_api.send(body)

    assert response.status_code == 400
    answer = problem(response)
    assert answer["error"].startswith("The body is not JSON: ")
    assert answer == {"error": answer["error"], "code": "malformed_json"}


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ('"name": "/a", "name": "/b"', "name"),
        ('"name": "/a", "name": "/a"', "name"),
        ('"namespace": "other"', "namespace"),
        ('"name": null, "n\\u0061me": "/a"', "name"),
        ('"metadata": {"a": 1, "b": 2, "a": 3}', "a"),
        ('"metadata": {"a": [{"": {}, "": {}}]}', ""),
        ('"metadata": {"größe": 1, "größe": 1}', "größe"),
        ('"metadata": {"\\ud800": 1, "\\ud800": 1}', "\\ud800"),
        (f'"{"x" * 999}": 1, "{"x" * 999}": 1', "x" * 100),
    ],
    ids=lambda value: value[:40],
)
def test_a_member_must_not_be_repeated(shared_api: Api, members: str, name: str) -> None:
    response = shared_api.send(f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}", {members}}}')

    assert response.status_code == 400
    assert problem(response) == {
        "error": f'The body has an object with two members "{name}".',
        "code": "malformed_json",
    }


def test_many_repeated_members_take_no_longer_than_many_others(shared_api: Api) -> None:
    names = ", ".join(f'"{number}": 1' for number in range(70_000))

    response = shared_api.send(f'{{{names}, "69999": 1}}')

    assert response.status_code == 400
    assert "69999" in problem(response)["error"]


@pytest.mark.usefixtures("few_finalizers")
@pytest.mark.parametrize("depth", [2_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("closed", [True, False])
def test_a_body_must_not_be_nested_without_end(
    shared_api: Api, depth: int, opening: str, closing: str, closed: bool
) -> None:
    response = shared_api.send(opening * depth + "1" + closing * depth * closed)

    assert response.status_code == 400
    assert problem(response) == {
        "error": "The body is nested too deeply.",
        "code": "malformed_json",
    }


@pytest.mark.every_way
@pytest.mark.parametrize("size", [1024 * 1024 + 1, 4 * 1024 * 1024])
def test_a_body_has_at_most_1_mib(shared_api: Api, size: int) -> None:
    response = shared_api.send(b" " * size)

    assert response.status_code == 413
    assert problem(response) == {
        "error": "The body is larger than 1 MiB, or 4 MiB for a batch.",
        "code": "body_too_large",
    }


@pytest.mark.every_way
def test_a_body_of_1_mib_is_read(shared_api: Api) -> None:
    body = json.dumps({"namespace": NAMESPACE, "project": PROJECT}).encode()

    assert shared_api.send(body.ljust(1024 * 1024)).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", "*/*"],
)
def test_a_body_must_be_sent_as_json(shared_api: Api, content_type: str | None) -> None:
    response = shared_api.send("{}", content_type=content_type)

    assert response.status_code == 415
    assert problem(response) == {
        "error": "The body must be sent as application/json.",
        "code": "unsupported_media_type",
    }


@pytest.mark.every_way
def test_a_body_must_not_be_compressed(shared_api: Api) -> None:
    response = shared_api.send(gzip.compress(b"{}"), content_encoding="gzip")

    assert response.status_code == 415
    assert problem(response) == {
        "error": "The body must be sent without a Content-Encoding.",
        "code": "unsupported_media_type",
    }


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_sent_with_parameters(shared_api: Api, content_type: str) -> None:
    body = json.dumps({"namespace": NAMESPACE, "project": PROJECT})

    assert shared_api.send(body, content_type=content_type).status_code == 201


def test_an_unknown_field_is_refused_even_where_it_is_null(shared_api: Api) -> None:
    response = shared_api.register(bssVideoID=None)
    assert response.status_code == 400
    assert problem(response)["fields"] == {
        "bssVideoID": ["Unknown field; did you mean bssVideoId?"]
    }
