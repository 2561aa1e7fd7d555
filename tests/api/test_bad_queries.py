"""Bad queries get an error that names the parameter: an unknown one on every route, and bad values
of GET /assets/<kind> and …/download."""

from typing import Any

import pytest

from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, STRANGER
from tests.support.api import LEFT_OUT, PROJECT, Api, problem

CONTROL = "Control characters are not allowed."
SLUG = "Must be 1 to 128 letters, digits, '.', '_' or '-', and begin with a letter or a digit."
LIMIT = "Must be a whole number from 1 to 1000."
UUID = "Must be a UUID."
CURSOR = "Was altered, or was issued for other filters; begin again without it."
UNKNOWN = "Unknown field."
TWICE = "Given more than once."
UTF_8 = "Must be UTF-8: é is escaped as %C3%A9."

EPISODE_ID = "01970000-0000-7000-8000-000000000003"

ROUTES = {"list": "/assets/video?", "download": "/assets/video/download?path=/a&"}

#: Cases of both routes: the field, its escaped value, and the error message.
BOTH = [
    *(("namespace", value, SLUG) for value in ("-a", "a%20b", "a%00", "a/b", "n" * 129, "%C3%A4")),
    *(("project", value, SLUG) for value in ("-a", "a%20b", "a%00", "a/b", "p" * 129, "%C3%A4")),
    *((name, "a%E9b", UTF_8) for name in ("namespace", "project", "space", "episode", "episodeId")),
    *(("episode", value, UTF_8) for value in ("%ff", "%C3", "%ED%A0%80", "%C0%AF", "%F4%90%80%80")),
    ("episode", "a%00b", CONTROL),
    ("episode", "a%0Ab", CONTROL),
    ("episode", "e" * 513, "Must have at most 512 characters."),
    *(("episodeId", value, UUID) for value in ("x", "1", EPISODE_ID + "0", "%00", "%F0%9F%8E%AC")),
    *((name, "1", UNKNOWN) for name in ("nmae", "offset", "kind", "%ff")),
    ("episodeName", "1", "Unknown field; did you mean episode?"),
]
LIST = [
    *(
        ("limit", value, LIMIT)
        for value in ("0", "1001", "-1", "1.5", "1e2", "x", "", "true", "%D9%A1", "1" * 5000)
    ),
    ("prefix", "a%00", CONTROL),
    ("prefix", "%7F", CONTROL),
    ("cursor", "x", CURSOR),
    ("cursor", "x.y", CURSOR),
    ("cursor", "%F0%9F%8E%AC", CURSOR),
    ("cursor", "%00", CONTROL),
    ("cursor", "x" * 6000, CURSOR),
    ("glob", "a%00", CONTROL),
    ("path", "/a", UNKNOWN),
    ("Prefix", "1", "Unknown field; did you mean prefix?"),
    *(
        (name, "/caf%E9", UTF_8)
        for name in ("prefix", "glob", "tag", "createdAfter", "createdBefore", "limit", "cursor")
    ),
]
DOWNLOAD = [
    ("path", "", "Must have a character other than a slash."),
    ("path", "/a/", "Must not end with a slash."),
    ("path", "/a/../b", "Must not have a segment '.' or '..'."),
    ("path", "a%00", CONTROL),
    ("path", "/caf%E9", UTF_8),
    ("path", "/" + "s" * 256, "A segment must have at most 255 bytes in UTF-8."),
    *((name, "1", UNKNOWN) for name in ("prefix", "Prefix", "glob", "limit", "cursor")),
]
CASES = [
    *(("list", *case) for case in [*BOTH, *LIST]),
    *(("download", *case) for case in [*BOTH, *DOWNLOAD]),
]


def url(route: str, **parameters: str) -> str:
    """The URL of a route, with parameters that are already escaped."""
    given = {"namespace": NAMESPACE, "project": PROJECT, **parameters}
    path, _, query = ROUTES[route].partition("?")
    of_route = dict(part.split("=") for part in query.split("&") if part)
    return f"{path}?" + "&".join(f"{name}={text}" for name, text in {**of_route, **given}.items())


@pytest.mark.parametrize(
    ("route", "field", "value", "message"),
    [
        pytest.param(*case, id=f"{number}-{case[0]}-{case[1]}-{case[2][:12]}")
        for number, case in enumerate(CASES)
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    shared_api: Api, route: str, field: str, value: str, message: str
) -> None:
    response = shared_api.get(url(route, **{field: value}))

    assert response.status_code == 400, response.text
    shown = {"%ff": "\\xff"}.get(field, field)
    assert problem(response) == {
        "error": f"{shown}: {message}",
        "code": "invalid_request",
        "fields": {shown: [message]},
    }


@pytest.mark.every_way
@pytest.mark.parametrize("escaped", ["%00", "%F0%9F%8E%AC", "a%2Fb", "%25"])
def test_escaped_bytes_reach_the_service_as_they_were_sent(shared_api: Api, escaped: str) -> None:
    response = shared_api.get(url("list", project=escaped))

    assert (response.status_code, problem(response)["fields"]) == (400, {"project": [SLUG]})


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ["namespace", "project", "prefix", "limit", "path", "nonsense"])
def test_a_parameter_must_not_be_repeated(shared_api: Api, route: str, name: str) -> None:
    response = shared_api.get(f"{url(route, **{name: '1'})}&{name}=1")

    assert response.status_code == 400
    assert problem(response) == {
        "error": f"{name}: {TWICE}",
        "code": "invalid_request",
        "fields": {name: [TWICE]},
    }


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("nothing", [LEFT_OUT, ""], ids=["left out", "empty"])
@pytest.mark.parametrize("missing", ["namespace", "project"])
def test_namespace_and_project_are_required(
    shared_api: Api, kind: str, nothing: Any, missing: str
) -> None:
    for response in (
        shared_api.listing(kind, **{missing: nothing}),
        shared_api.download(kind, path="/a", **{missing: nothing}),
    ):
        assert response.status_code == 400
        assert problem(response) == {
            "error": "namespace or project missing",
            "code": "invalid_request",
            "fields": {missing: ["Is required."]},
        }


def test_a_path_is_required(shared_api: Api) -> None:
    response = shared_api.download()

    assert response.status_code == 400
    assert problem(response) == {
        "error": "path: Is required.",
        "code": "invalid_request",
        "fields": {"path": ["Is required."]},
    }


@pytest.mark.parametrize("route", ROUTES)
def test_space_and_project_must_not_differ(shared_api: Api, route: str) -> None:
    response = shared_api.get(url(route, space="other"))

    assert response.status_code == 400
    assert problem(response)["fields"] == {"space": ["Must equal project when both are given."]}


@pytest.mark.parametrize("route", ROUTES)
def test_an_episode_is_given_by_its_id_or_its_name(shared_api: Api, route: str) -> None:
    response = shared_api.get(url(route, episode="run-042", episodeId=EPISODE_ID))

    assert response.status_code == 400
    assert problem(response) == {
        "error": "episodeId: Give episodeId or episode, not both.",
        "code": "invalid_request",
        "fields": {"episodeId": ["Give episodeId or episode, not both."]},
    }


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("/camera/[ab", 8), ("/{a,b", 1), ("/[]", 1), ("/[^a]", 2), ("/a\\", 2), ("x" * 1025, 1024)],
    ids=["bracket", "brace", "empty class", "caret", "escape", "too long"],
)
def test_a_bad_glob_is_refused_with_the_position(
    shared_api: Api, pattern: str, position: int
) -> None:
    response = shared_api.listing(glob=pattern)

    assert response.status_code == 400
    answer = problem(response)
    [message] = answer["fields"]["glob"]
    assert message.endswith(f" (at position {position})."), message
    assert answer == {
        "error": f"glob: {message}",
        "code": "invalid_request",
        "fields": {"glob": [message]},
    }


def test_a_glob_has_at_most_64_alternatives(shared_api: Api) -> None:
    pattern = "/{" + ",".join(map(str, range(65))) + "}"

    response = shared_api.listing(glob=pattern)

    assert (response.status_code, list(problem(response)["fields"])) == (400, ["glob"])


def test_an_unknown_parameter_is_refused_on_every_route(shared_api: Api) -> None:
    routes = shared_api.client.application.url_map.bind("localhost")
    places = {"kind": KINDS["video"], "asset_id": EPISODE_ID}
    asked = 0
    for rule in routes.map.iter_rules():
        if not rule.rule.startswith(("/assets", "/auth")):
            continue
        url = routes.build(rule.endpoint, {name: places[name] for name in rule.arguments})
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            body = {} if method in ("POST", "PATCH") else None
            response = shared_api.get(f"{url}?unknown=1", method=method, json=body)
            error = response.status_code, response.json.get("fields", {}).get("unknown")
            assert error == (400, [UNKNOWN]), f"{method} {url}"
            asked += 1
    assert asked > len(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    "query", [{}, {"limit": 1}, {"prefix": "a"}, {"glob": "a*"}, {"episode": "x"}], ids=str
)
def test_a_stranger_cannot_tell_a_namespace_from_one_that_does_not_exist(
    shared_api: Api, kind: str, query: dict[str, Any]
) -> None:
    shared_api.register(kind)
    answers = [
        shared_api.listing(kind, subject=STRANGER, **query),
        shared_api.listing(kind, namespace="no-such-namespace", **query),
    ]
    if query.keys() <= {"episode"}:
        answers += [
            shared_api.download(kind, subject=STRANGER, path="/a", **query),
            shared_api.download(kind, namespace="no-such-namespace", path="/a", **query),
        ]
    for response in answers:
        assert response.status_code == 404
        assert problem(response) == {"error": "Namespace not found.", "code": "namespace_not_found"}
