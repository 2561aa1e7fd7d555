"""DELETE /assets/<kind>/<id> and POST /assets/<kind>/<id>/restore."""

from typing import Any

import pytest

from dreamlake_assets.model.etags import SHAPE
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import READER, STRANGER
from tests.support.api import Answer, Api, problem

NAME = "/camera/front/run01.mp4"


def etag(revision: int) -> str:
    return f'"{revision}.{SHAPE}"'


def delete(api: Api, location: str, if_match: str | None = None, **options: Any) -> Answer:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.get(location, method="DELETE", headers=headers, **options)


def restore(api: Api, location: str, if_match: str | None = None, **options: Any) -> Answer:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.get(f"{location}/restore", method="POST", headers=headers, **options)


@pytest.fixture
def location(shared_api: Api) -> str:
    return shared_api.register(name=NAME, tags=["night"], bssVideoId="v").location


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_asset_can_be_restored(shared_api: Api, kind: str) -> None:
    location = shared_api.register(kind, episodeName="run", name=NAME, tags=["night"]).location
    before = shared_api.get(location)

    for _ in range(2):
        deleted = delete(shared_api, location)
        assert (deleted.status_code, deleted.data) == (204, b"")
        assert deleted.headers["ETag"] == etag(2)
        assert "Content-Type" not in deleted.headers
    gone = shared_api.get(location)
    assert gone.headers["ETag"] == etag(2)
    assert gone.json["deletedAt"] == gone.json["updatedAt"] > before.json["updatedAt"]
    restored, again = restore(shared_api, location), restore(shared_api, location)
    assert (restored.status_code, restored.headers["ETag"]) == (200, etag(3))
    assert (again.status_code, again.headers["ETag"], again.json) == (200, etag(3), restored.json)

    after = shared_api.get(location)
    assert restored.json == after.json
    assert list(after.json) == list(before.json)
    assert after.headers["ETag"] == etag(3)
    changed = {name for name in before.json if before.json[name] != after.json[name]}
    assert changed == {"updatedAt"}
    assert gone.json["updatedAt"] < after.json["updatedAt"]


class TestIfMatch:
    def test_deleting(self, shared_api: Api, location: str) -> None:
        for other in (etag(2), f"W/{etag(1)}", "1.1", '"x"', ""):
            refused = delete(shared_api, location, other)
            assert (refused.status_code, problem(refused)["code"]) == (412, "precondition_failed")
        assert delete(shared_api, location, f'"x", {etag(1)}').status_code == 204
        # The first response may have been lost. The revision before it is the one that was seen.
        for again in (etag(1), etag(2), "*", f'"1.{SHAPE + 1}"'):
            answer = delete(shared_api, location, again)
            assert (answer.status_code, answer.headers["ETag"]) == (204, etag(2))
        for other in (etag(3), f"W/{etag(1)}"):
            assert delete(shared_api, location, other).status_code == 412

    def test_restoring(self, shared_api: Api, location: str) -> None:
        delete(shared_api, location)
        for other in (etag(1), f"W/{etag(2)}", etag(3)):
            assert restore(shared_api, location, other).status_code == 412
        assert restore(shared_api, location, etag(2)).status_code == 200
        for again, status in ((etag(2), 412), (etag(3), 200), ("*", 200)):
            assert restore(shared_api, location, again).status_code == status
        assert shared_api.get(location).headers["ETag"] == etag(3)


@pytest.mark.parametrize("change", [delete, restore])
class TestRefused:
    def test_readers(self, shared_api: Api, location: str, change: Any) -> None:
        refused = change(shared_api, location, '"x"', subject=READER)

        assert (refused.status_code, problem(refused)["code"]) == (403, "forbidden")

    def test_what_is_not_there(self, shared_api: Api, location: str, change: Any) -> None:
        """Unknown ids, other kinds and strangers, whatever If-Match says."""
        for url, subject in (
            (f"/assets/video/{uuid7()}", None),
            (location.replace("video", "audio"), None),
            (location, STRANGER),
        ):
            options = {} if subject is None else {"subject": subject}
            refused = change(shared_api, url, '"x"', **options)
            assert (refused.status_code, problem(refused)["code"]) == (404, "asset_not_found")

    def test_parameters(self, shared_api: Api, location: str, change: Any) -> None:
        refused = change(shared_api, location, query_string={"force": "1"})

        assert (refused.status_code, list(refused.json["fields"])) == (400, ["force"])

    def test_no_token(self, shared_api: Api, location: str, change: Any) -> None:
        method, url = ("DELETE", location) if change is delete else ("POST", f"{location}/restore")
        assert shared_api.ask(url, method).status_code == 401

    def test_nothing_was_written(self, shared_api: Api, location: str, change: Any) -> None:
        change(shared_api, location, '"x"', subject=READER)
        change(shared_api, location, '"9.1"')

        assert shared_api.get(location).headers["ETag"] == etag(1)
