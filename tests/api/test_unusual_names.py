"""Names with special characters of SQL, JSON, URLs, globs or shells."""

import re

import pytest

from tests.support.api import Api

NAMES = [
    "/100%/a_b.mp4",
    "/100x/axb.mp4",
    "/%",
    "/_",
    "/*",
    "/**",
    "/[a]",
    "/{a,b}",
    "/a?b",
    "/a#b&c=d+e",
    "/back\\slash\\",
    "/\\\\server\\share",
    '/it\'s "quoted"',
    "/'; DROP TABLE asset; --",
    "/$1 %(name)s {0} ${HOME} `id`",
    "/ ",
    "/ leading and trailing ",
    "/a  b",
    "/é",
    "/e\u0301",
    "/\u202eright to left",
    "/\u200bzero width",
    "/\u2028line",
    "/日本語/ファイル.mp4",
    "/🎬/👩\u200d💻.mp4",
    "/<script>",
    "/NULL",
    "/0",
    "/\ufeffbom",
    "/\ufffe\uffff\U0010ffff",
    "/%2Fnot a slash",
]


def escaped(name: str) -> str:
    """The glob that matches only this name."""
    return re.sub(r"([*?\[\]{}!,\\-])", r"\\\1", name)


@pytest.fixture(scope="module")
def named(shared_api: Api) -> Api:
    for name in NAMES:
        response = shared_api.register(name=name, episodeName=name)
        assert (response.status_code, response.json["name"]) == (201, name)
    return shared_api


@pytest.mark.every_way
def test_they_come_back_exactly(named: Api) -> None:
    assert named.names() == sorted(NAMES, key=str.encode)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_prefix_takes_them_literally(named: Api, name: str) -> None:
    assert named.names(prefix=name) == sorted(
        [each for each in NAMES if each.startswith(name)], key=str.encode
    )


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_glob_matches_them_when_escaped(named: Api, name: str) -> None:
    assert named.names(glob=escaped(name)) == [name]
    assert named.names(glob=f"**{escaped(name[1:])}", episode=name) == [name]


@pytest.mark.every_way
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_an_episode_may_bear_them(named: Api, name: str) -> None:
    assert named.names(episode=name) == [name]


@pytest.mark.every_way
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_do_not_stumble_over_them(named: Api, limit: int) -> None:
    pages = named.pages(limit=limit, glob="**")

    assert [item["name"] for page in pages for item in page] == named.names()


@pytest.mark.every_way
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_link_carries_them(named: Api, name: str) -> None:
    named.register(name=f"{name}1", project="links")
    named.register(name=f"{name}2", project="links")

    pages = list(named.pages(prefix=name, limit=1, project="links"))

    assert [item["name"] for page in pages for item in page] == named.names(
        prefix=name, project="links"
    )
    assert len(pages) >= 2
