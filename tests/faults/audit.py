"""Compares the database with the responses that clients received."""

from collections import Counter
from dataclasses import dataclass

import psycopg

from tests.faults.writers import BATCH, BATCHED, Tally, Written

#: Queries for incomplete work that a request must not leave behind. Each must return nothing.
#: A path exists completely, with an asset at its end, or not at all.
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
    "a batch in part": f"""
        SELECT count(*) FROM (
            SELECT bss_id FROM asset WHERE bss_id LIKE '{BATCHED}%'
            GROUP BY bss_id HAVING count(*) <> {BATCH}
        ) AS part""",
    "a project without an asset": """
        SELECT count(*) FROM space
        WHERE NOT EXISTS (SELECT FROM asset WHERE asset.space_id = space.space_id)""",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """The state of the acknowledged registrations and changes.

    :param lost: assets that are missing, or lack an acknowledged change.
    :param duplicated: assets that are stored more than once, or that more changes were made to
        than clients sent; each request of a client uses a unique name.
    :param half_made: rows that a request left behind without an asset, by kind.
    """

    lost: int
    duplicated: int
    half_made: Counter[str]


def audit(url: str, tally: Tally) -> Findings:
    """Compare the database with a tally."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT asset_id::text, name, deleted_at IS NOT NULL, revision FROM asset"
        ).fetchall()
        half_made = Counter(
            {
                kind: connection.execute(statement.encode()).fetchall()[0][0]
                for kind, statement in _HALF_MADE.items()
            }
        )
    stored = {
        asset_id: (Written(asset_id, *state), revision) for asset_id, *state, revision in rows
    }
    # Each success of a client raises the revision by one, from none at all.
    successes = Counter(each.asset_id for each in tally.acknowledged)
    lost, changed_twice = 0, 0
    for last in {each.asset_id: each for each in tally.acknowledged}.values():
        asset, revision = stored.get(last.asset_id, (None, 0))
        beyond = revision - successes[last.asset_id]
        lost += beyond < 0 or (beyond == 0 and asset != last)
        changed_twice += beyond > tally.unanswered[last.asset_id]
    names = Counter(name for _, name, *_ in rows)
    return Findings(
        lost=lost,
        duplicated=sum(count - 1 for count in names.values()) + changed_twice,
        half_made=+half_made,
    )
