"""Globs designed to be slow, over 230,000 assets: the time of each is bounded."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from dreamlake_assets import deadlines
from tests.conftest import headers_of, settings_of
from tests.hostile.corpus import GLOBS
from tests.support.api import Api, problem, serving

#: Pieces that enlarge the automaton of a regular expression, or force a long lookahead.
PIECES = ["*", "**", "**/", "/", "?", "[!a]", "[a-z]", "{a,b}", "{*a,*b}", "{**/x*,?}", "a", "0"]
PIECES += ["camera", "/camera/", "c0", ".mp4", "*.mp4", "{,*}", "{/,*}", "{,/**}"]
RANDOM = random.Random("slow globs")
MIXED = ["".join(RANDOM.choices(PIECES, k=RANDOM.randint(3, 30))) for _ in range(40)]


@pytest.fixture(scope="module")
def large(seeded: psycopg.Connection) -> Iterator[Api]:
    info = seeded.info
    settings = settings_of(f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}")
    with serving(settings) as app:
        yield Api(app.test_client(), headers_of(settings))


@pytest.mark.parametrize("project", ["robotics", "archive"])
@pytest.mark.parametrize("patterns", [GLOBS, MIXED], ids=["corpus", "mixed"])
def test_a_glob_is_answered_or_given_up_in_time(
    large: Api, project: str, patterns: list[str]
) -> None:
    for pattern in patterns:
        response = large.listing(project=project, glob=pattern, limit=1000)
        if response.status_code == 503:
            assert problem(response)["code"] == "database_timeout"
        elif response.status_code == 400:
            assert "glob" in problem(response)["fields"]
        else:
            assert response.status_code == 200


def test_folders_of_any_number_again_and_again_are_as_fast_as_once(large: Api) -> None:
    once = large.names(project="robotics", glob="**/c00/**", limit=100)
    assert once
    assert large.names(project="robotics", glob=f"{'**/' * 300}c00/**", limit=100) == once
    assert large.names(project="robotics", glob=f"{'/**' * 300}/c00/**", limit=100) == once


def test_what_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, seeded: psycopg.Connection
) -> None:
    monkeypatch.setattr(deadlines, "STATEMENT", 0.05)
    info = seeded.info
    settings = settings_of(f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}")
    with serving(settings) as app:
        api = Api(app.test_client(), headers_of(settings))
        response = api.listing(
            project="robotics", glob="**{,*}?{**/x*,?}{*a,*b}[a-z].mp4{,*}{/,*}c0", limit=1000
        )
    assert (response.status_code, problem(response)["code"]) == (503, "database_timeout")
    assert response.headers["Retry-After"].isdecimal()
