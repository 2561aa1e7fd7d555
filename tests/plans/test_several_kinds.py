"""In a large project of several kinds, each list keeps its index.

Most assets are videos of one episode, all with the same tags and folder. So the planner expects
that any filter matches nearly all of them, and takes indexes that begin alike for equally good.
"""

from collections.abc import Iterator

import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import add_namespace
from tests.plans.conftest import GROWING, PAGE, WITH_RUN, Explain, by_folder, explain
from tests.plans.test_all_kinds import KEYS_BUFFERS
from tests.plans.test_listing import ALWAYS, PAGE_BUFFERS
from tests.support.postgres import Server

VIDEOS = 40_000
OTHERS = 1_000

_INSERT = f"""
    {WITH_RUN}, folder AS (
        INSERT INTO node (namespace_id, space_id, episode_id, node_id, path)
        SELECT namespace_id, space_id, episode_id, gen_random_uuid(), '/camera' FROM run
    )
    INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name, fps, lens, tags)
    SELECT
        namespace_id, space_id, episode_id, gen_random_uuid(), kind,
        '/camera/' || md5(number::text) || '.mp4',
        CASE kind WHEN 'video' THEN 30 END, CASE kind WHEN 'video' THEN 'pinhole' END,
        '{{night,rain}}'
    FROM run
    CROSS JOIN unnest('{{{",".join(KINDS)}}}'::text[]) AS kind
    CROSS JOIN LATERAL
        generate_series(1, CASE kind WHEN 'video' THEN {VIDEOS} ELSE {OTHERS} END) AS number
"""

LISTS = [name for name in FILES if name.startswith(("asset/list_", "asset/keys_", "asset/stream_"))]
#: All matches of a filter are counted up to this number.
COUNTED = 5001


@pytest.fixture(scope="module")
def plan_of_large(server: Server, template: str) -> Iterator[Explain]:
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        add_namespace(connection)
        connection.execute("SET session_replication_role = replica")
        connection.execute(_INSERT.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield explain(connection)


def values_of(name: str) -> dict[str, object]:
    """The parameters of a first page for which all assets match."""
    if "folder_glob" in name:
        return by_folder("/c*/*.mp4")
    return ALWAYS if "created_at" in name else {}


def of_assets(indexes: set[str]) -> set[str]:
    """The indexes of assets. The other tables have one row, so any index may be taken."""
    return {index for index in indexes if index.startswith("asset_")}


@pytest.mark.parametrize("name", LISTS)
def test_a_page(plan_of_large: Explain, name: str) -> None:
    """The first page, and one in the middle of the names."""
    nothing = name.endswith(("_digest", "_deleted"))
    bound = PAGE_BUFFERS if name.startswith("asset/list_") else KEYS_BUFFERS + len(KINDS) * PAGE
    if name.endswith(("_tag", "_created_at")):
        bound += COUNTED
    for after in ({}, {"after_name": "/camera/8"}):
        page = plan_of_large(name, **{**values_of(name), **after})
        assert page.rows == (1 if nothing else PAGE)
        assert of_assets(page.indexes) == of_assets(Head(name).indexes)
        assert not page.scanned & GROWING
        assert page.buffers <= bound
        if name.startswith("asset/stream_"):
            assert not page.sorts
