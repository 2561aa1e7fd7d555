"""A CHECK constraint that a request can violate names its field in the response."""

import psycopg

from dreamlake_assets.database import sqlstates

#: The service alone decides on what these check.
OF_THE_SERVICE = {
    "asset_has_the_fields_of_its_kind",
    "namespace_member_role_is_known",
    "node_path_begins_with_a_slash",
}


def test_each_constraint_names_its_field(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT conname FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    assert {row[0] for row in rows} - OF_THE_SERVICE == set(sqlstates._CONSTRAINTS)
