"""Compares the database with what clients were told."""

from collections import Counter
from dataclasses import dataclass

import psycopg

from tests.faults.writers import Tally

#: What no request may leave behind: each must find nothing. A path is there as a whole, with an
#: asset at its end, or not at all.
_HALF_MADE = {
    "a folder without its parent": """
        SELECT count(*) FROM node
        WHERE path LIKE '/%/%' AND NOT EXISTS (
            SELECT FROM node AS parent
            WHERE parent.node_id = node.parent_id
                AND parent.scope_id = node.scope_id
                AND node.path LIKE parent.path || '/%'
                AND node.path NOT LIKE parent.path || '/%/%'
        )""",
    "an asset without its folder": """
        SELECT count(*) FROM asset LEFT JOIN node USING (namespace_id, node_id)
        WHERE asset.name LIKE '/%/%'
            AND node.path IS DISTINCT FROM regexp_replace(asset.name, '/[^/]*$', '')""",
    "a folder without an asset below it": """
        SELECT count(*) FROM node
        WHERE NOT EXISTS (SELECT FROM asset WHERE asset.node_id = node.node_id)
            AND NOT EXISTS (SELECT FROM node AS child WHERE child.parent_id = node.node_id)""",
    "an episode without an asset": """
        SELECT count(*) FROM episode
        WHERE NOT EXISTS (SELECT FROM asset WHERE asset.episode_id = episode.episode_id)""",
    "a project without an asset": """
        SELECT count(*) FROM space
        WHERE NOT EXISTS (SELECT FROM asset WHERE asset.space_id = space.space_id)""",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What became of what was acknowledged.

    :param lost: acknowledged, but not there under its id and name.
    :param duplicated: there more than once; every request of a client has a name of its own.
    :param half_made: what a request left behind without an asset, by kind.
    """

    lost: int
    duplicated: int
    half_made: Counter[str]


def audit(url: str, tally: Tally) -> Findings:
    """Compare."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT asset_id::text, name FROM asset").fetchall()
        half_made = Counter(
            {
                kind: connection.execute(statement.encode()).fetchall()[0][0]
                for kind, statement in _HALF_MADE.items()
            }
        )
    names = Counter(name for _, name in rows)
    return Findings(
        lost=len(set(tally.acknowledged) - set(rows)),
        duplicated=sum(count - 1 for count in names.values()),
        half_made=+half_made,
    )
