"""Random requests, mostly invalid, some valid. The same seed produces the same requests."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from dreamlake_assets.model.kinds import COMMON_FIELDS, KINDS, published
from tests.conftest import NAMESPACE, READER, STRANGER, WRITER
from tests.hostile.corpus import BODIES, GLOBS, STRINGS, VALUES

PROJECTS = [f"fuzz-{number}" for number in range(10)]
SUBJECTS = (WRITER, READER, STRANGER)

#: Valid values of each kind, as JSON.
_GOOD: dict[str, list[str]] = {
    "fps": ["30", "29.97", "1e3"],
    "lens": ['"pinhole"', '"fisheye"'],
    "sampleRate": ["48000", "0.5"],
    "channels": ["1", "2.0"],
    "format": ['"vtt"', '"srt"'],
    "language": ['"en"', '"zh-Hans-CN"'],
    "width": ["1920"],
    "height": ["1080"],
    "size": ["0", "9007199254740991"],
    "sha256": [f'"{"aB" * 32}"'],
    "contentType": ['"video/mp4"', '"text/plain; charset=utf-8"'],
    "tags": ["[]", '["night", "rain"]'],
    "metadata": ["{}", '{"robot": "r2", "deep": [[{"a": null}]]}'],
}
_NAMES = ["/run.mp4", "camera/front/run.mp4", "//2026/04/run", "/a/b/c/d/e/f/g", "/%_*[]{}\\?"]
_EPISODES = ["run-042", "2026/q1/run-042", "日本語"]
_WRONG_FIELDS = ["nmae", "space", "episode", "kind", "namespace_id", "__class__", "bssVideoID"]
_CONTENT_TYPES = ["text/plain", "application/x-www-form-urlencoded", "", "application/json; a=b"]
_ELSEWHERE = [
    "/",
    "//assets/video",
    "/assets",
    "/assets/",
    "/assets/film",
    "/assets/video/",
    "/assets/video/x",
    "/assets/%00",
    "/assets/video%2Fdownload",
    "/assets/../auth/me",
    "/auth/me/",
    "/.git/config",
    "/%c0%ae%c0%ae/",
]


#: The id of an asset that does not exist.
_NOBODY = "01970000-0000-7000-8000-000000000003"


@dataclass(frozen=True, slots=True)
class Request:
    """A request with an escaped URL."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Fuzzer:
    """Generates requests without end.

    Set ``cursor`` to the last cursor from the service, so that the fuzzer can forge it, and
    ``asset`` to the path of the last registered asset, so that it can change it.
    """

    def __init__(self, seed: str, tokens: Mapping[str, str]):
        """Initialize.

        :param tokens: a token for each of ``SUBJECTS``.
        """
        self._random = random.Random(seed)
        self._tokens = tokens
        self.cursor = "WyIvYSIsIngiXQ.AAAA"
        self.asset = f"/assets/video/{_NOBODY}"

    def request(self) -> Request:
        """Return the next request."""
        (make,) = self._random.choices(
            [
                *(self._register, self._register_batch, self._list, self._download),
                *(self._change, self._me, self._health, self._elsewhere),
            ],
            [35, 10, 25, 10, 10, 3, 1, 6],
        )
        return make()

    def _register(self) -> Request:
        kind = self._one(list(KINDS))
        content_type = "application/json"
        if self._happens(0.03):
            content_type = self._one(_CONTENT_TYPES)
        body = self._one(BODIES) if self._happens(0.06) else self._body(kind)
        if self._happens(0.03):
            place = self._random.randrange(len(body) + 1)
            body = body[:place] + self._random.randbytes(3) + body[place + 3 :]
        headers = {**self._headers(), "Content-Type": content_type}
        return Request("POST", f"/assets/{kind}", headers, body)

    def _register_batch(self) -> Request:
        kinds = [self._one(list(KINDS)) for _ in range(self._random.choice([1, 1, 2, 5]))]
        items = ",".join(self._members(kind, {"kind": f'"{kind}"'}) for kind in kinds)
        place = f'"namespace":"{NAMESPACE}","project":"{self._one(PROJECTS)}"'
        headers = {**self._headers(), "Content-Type": "application/json"}
        body = f'{{{place},"assets":[{items}]}}'.encode()
        return Request("POST", "/assets/batch", headers, body)

    def _change(self) -> Request:
        path = self.asset if self._happens(0.9) else f"/assets/video/{self._one([_NOBODY, 'x'])}"
        headers = self._headers()
        if self._happens(0.3):
            tags = [
                "*",
                '"1.3"',
                'W/"1.3"',
                '"1.3", "2.3"',
                quote(self._nasty()[:100], errors="replace"),
            ]
            headers["If-Match"] = self._one(tags)
        method, of = self._one([("PATCH", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore")])
        if method != "PATCH":
            return Request(method, f"{path}{of}", headers)
        headers["Content-Type"] = self._one(["application/merge-patch+json", "application/json"])
        body = self._one(BODIES) if self._happens(0.06) else self._patch(path.split("/")[2])
        return Request(method, path, headers, body)

    def _patch(self, kind: str) -> bytes:
        """Return a patch without a move, which would leave an empty folder."""
        own = published({**KINDS[kind].own_fields, **COMMON_FIELDS})
        good = {**_GOOD, KINDS[kind].bss_field: ['"other"', "null"]}
        good |= {name: ['["night"]', '["a", "b"]'] for name in ("addTags", "removeTags")}
        names = [*own.values(), "tags", "metadata", "addTags", KINDS[kind].bss_field, "removeTags"]
        members = {name: self._one(good[name]) for name in names if self._happens(0.3)}
        if self._happens(0.4):
            name = self._one(names if self._happens(0.8) else _WRONG_FIELDS)
            members[name] = self._one(VALUES) if self._happens(0.5) else self._string()
        body = ",".join(f'"{name}":{value}' for name, value in members.items())
        return f"{{{body}}}".encode()

    def _body(self, kind: str) -> bytes:
        place = {"namespace": f'"{NAMESPACE}"', "project": f'"{self._one(PROJECTS)}"'}
        return self._members(kind, place).encode()

    def _members(self, kind: str, members: dict[str, str]) -> str:
        """Return an asset as JSON.

        :param members: members that it has in any case, as JSON.
        """
        own = published({**KINDS[kind].own_fields, **COMMON_FIELDS}).values()
        for name in [*own, "tags", "metadata"]:
            if self._happens(0.4):
                members[name] = self._one(_GOOD[name])
        if self._happens(0.8):
            members["name"] = _text(self._one(_NAMES))
        if self._happens(0.7):
            members["episodeName"] = _text(self._one(_EPISODES))
        if self._happens(0.5):
            members[KINDS[kind].bss_field] = '"sample"'
        while self._happens(0.4):
            name = self._one(list(members) if self._happens(0.8) else _WRONG_FIELDS)
            members[name] = self._one(VALUES) if self._happens(0.4) else self._string()
        body = ",".join(f'"{name}":{value}' for name, value in members.items())
        return f"{{{body}}}"

    def _string(self) -> str:
        return _text(self._nasty())

    def _list(self) -> Request:
        query = {"limit": str(self._random.randint(1, 5))}
        if self._happens(0.05):
            query = {"prefix": f"/{self._one(STRINGS)}"}
        narrow = {
            "episode": self._one(_EPISODES),
            "episodeId": self._one([_NOBODY, "x"]),
            "prefix": self._one([*_NAMES, self._nasty()]),
            "glob": self._one([*GLOBS, *_NAMES, self._nasty()]),
            "cursor": self._forged(),
        }
        query |= {name: value for name, value in narrow.items() if self._happens(0.25)}
        return self._get(f"/assets/{self._one(list(KINDS))}", query)

    def _forged(self) -> str:
        if self._happens(0.3):
            return self._nasty()
        if self._happens(0.5):
            return self.cursor
        place = self._random.randrange(len(self.cursor))
        return f"{self.cursor[:place]}{self._one('Ab0-_.')}{self.cursor[place + 1 :]}"

    def _download(self) -> Request:
        query = {"path": self._one([*_NAMES, self._nasty()])}
        if self._happens(0.5):
            query["episode"] = self._one(_EPISODES)
        return self._get(f"/assets/{self._one(list(KINDS))}/download", query)

    def _get(self, path: str, query: dict[str, str]) -> Request:
        query = {"namespace": NAMESPACE, "project": self._one(PROJECTS), **query}
        pairs = list(query.items())
        while self._happens(0.3):
            name = self._one([*query, "nonsense", "space", "offset"])
            pairs.append((name, self._nasty()))
            # Duplicates are mostly removed: they would be the only reason for a refusal.
            pairs = list(dict(pairs).items()) if self._happens(0.9) else pairs
        escaped = "&".join(f"{name}={_escaped(value)}" for name, value in pairs)
        # A request line has at most 8,190 bytes.
        return Request("GET", f"{path}?{escaped[:8_000]}", self._headers())

    def _me(self) -> Request:
        return Request("GET", "/auth/me", self._headers())

    def _health(self) -> Request:
        return Request("GET", self._one(["/livez", "/readyz"]))

    def _elsewhere(self) -> Request:
        if self._happens(0.5):
            target = f"/assets/{self._one(list(KINDS))}"
            return Request(self._one(["PUT", "DELETE", "PATCH", "TRACE"]), target, self._headers())
        target = self._one([*_ELSEWHERE, f"/{_escaped(self._nasty())}"])
        return Request(self._one(["GET", "POST", "DELETE"]), target[:8_000], self._headers())

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._tokens[WRITER]}"}
        if self._happens(0.1):
            token = self._tokens[self._one(SUBJECTS)]
            half = len(token) // 2
            headers["Authorization"] = self._one(
                [f"Bearer {token}", f"Bearer {token[:half]}", "Bearer a.b.c", "Basic eDp5", token]
            )
        for name in ("X-Request-Id", "Idempotency-Key", "X-Forwarded-For", "Origin", "Range"):
            if self._happens(0.03):
                headers[name] = quote(self._nasty()[:1_000], safe=" ;,/%'\"", errors="replace")
        return headers

    def _nasty(self) -> str:
        first = self._one(STRINGS)
        return first if self._happens(0.7) else f"/{first}/{self._one(STRINGS)}"

    def _one(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def _happens(self, share: float) -> bool:
        return self._random.random() < share


def _text(value: str) -> str:
    """Return a string as JSON, with surrogates escaped as a client would."""
    return json.dumps(value, ensure_ascii=not value.isascii())


def _escaped(value: str) -> str:
    return quote(value, safe="", errors="surrogatepass")
