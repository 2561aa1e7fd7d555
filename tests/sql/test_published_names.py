"""The schema knows each kind and each field by its published name."""

import psycopg
import pytest

from dreamlake_assets import sqlstates
from dreamlake_assets.kinds import KINDS, Kind

#: Requests cannot violate these: the service alone decides on what they check.
OF_THE_SERVICE = {
    "asset_has_the_fields_of_its_kind",
    "namespace_member_role_is_known",
    "node_path_begins_with_a_slash",
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_kind_has_a_view_with_its_fields(connection: psycopg.Connection, kind: Kind) -> None:
    view = kind.name.replace("-", "_")
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [view]
    )
    own = {field.data_key or column for column, field in kind.own_fields.items()}
    assert {"id", kind.bss_field, *own} <= {row[0] for row in rows}


def test_each_constraint_that_a_request_can_violate_names_its_field(
    connection: psycopg.Connection,
) -> None:
    rows = connection.execute(
        "SELECT conname FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    assert {row[0] for row in rows} - OF_THE_SERVICE == set(sqlstates._CONSTRAINTS)
