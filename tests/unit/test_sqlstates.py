"""The meaning of PostgreSQL's errors to a client."""

import re

import pytest

from dreamlake_assets.database import sqlstates
from dreamlake_assets.database.queries import SQL_DIRECTORY

#: One SQLSTATE for each line of the published table, with PostgreSQL's name for it.
MEANINGS = {
    "08006": "database_unavailable",  # connection_failure
    "22P05": "invalid_request",  # untranslatable_character
    "23514": "invalid_request",  # check_violation
    "23503": "unavailable",  # foreign_key_violation
    "23505": "unavailable",  # unique_violation
    "25006": "database_read_only",  # read_only_sql_transaction
    "40P01": "unavailable",  # deadlock_detected
    "42P01": "schema_behind",  # undefined_table
    "42703": "schema_behind",  # undefined_column
    "53300": "overloaded",  # too_many_connections
    "55P03": "database_timeout",  # lock_not_available
    "57014": "database_timeout",  # query_canceled
    "57P01": "database_unavailable",  # admin_shutdown
    "42601": "internal_error",  # syntax_error
    "XX000": "internal_error",  # internal_error
}

#: Constraints on values that no client sends.
OF_NO_FIELD = {
    "asset_has_the_fields_of_its_kind",
    "namespace_member_role_is_known",
    "node_path_begins_with_a_slash",
}


@pytest.mark.parametrize(("state", "code"), MEANINGS.items())
def test_an_sqlstate_has_a_code(state: str, code: str) -> None:
    assert sqlstates.meaning(state, None).code == code


def test_a_violated_check_names_its_field() -> None:
    schema = (SQL_DIRECTORY / "schema.sql").read_text("utf-8")
    checks = set(re.findall(r"CONSTRAINT (\w+) CHECK", schema))

    assert checks == sqlstates._CONSTRAINTS.keys() | OF_NO_FIELD
    for name, field in sqlstates._CONSTRAINTS.items():
        error = sqlstates.meaning("23514", name)
        assert (error.code, error.fields) == ("invalid_request", {field: ["Not allowed."]})
