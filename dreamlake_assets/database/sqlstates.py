"""The meaning of PostgreSQL's errors to a client, by SQLSTATE and by constraint."""

import psycopg

from dreamlake_assets import errors
from dreamlake_assets.database.connection import DeadlinePassed

#: The error for an SQLSTATE, or for all that begin with the same two or three characters.
#: Source: PostgreSQL's documentation, appendix A.
_MEANINGS: dict[str, type[errors.AssetsError]] = {
    "08": errors.ConnectionLost,  # connection exception
    "22": errors.InvalidRequest,  # data exception
    "22012": errors.IdempotencyKeyReused,  # division by zero: only asset/insert_once divides
    "23": errors.InvalidRequest,  # integrity constraint violation
    "23502": errors.AssetsError,  # not null violation: the service left out a value
    "23503": errors.Unavailable,  # foreign key violation: a row that was found is gone meanwhile
    "23505": errors.Unavailable,  # unique violation: a statement sent again while it still runs
    "25006": errors.ConnectionLost,  # read-only transaction: this server is no longer the primary
    "40": errors.Rollback,  # transaction rollback: deadlock, conflict with recovery
    "42P01": errors.SchemaBehind,  # undefined table
    "42703": errors.SchemaBehind,  # undefined column
    "53": errors.Overloaded,  # insufficient resources
    "55P03": errors.DatabaseTimeout,  # lock not available
    "57014": errors.DatabaseTimeout,  # query canceled
    "57P": errors.ConnectionLost,  # admin shutdown, crash shutdown, cannot connect now
}

#: The published name of the field that a constraint checks. The schemas of requests check it first;
#: the database has the last word.
_CONSTRAINTS = {
    "asset_channels_is_1_or_more": "channels",
    "asset_format_is_known": "format",
    "asset_fps_is_above_0": "fps",
    "asset_height_is_1_or_more": "height",
    "asset_lens_is_known": "lens",
    "asset_name_begins_with_a_slash": "name",
    "asset_sample_rate_is_above_0": "sampleRate",
    "asset_width_is_1_or_more": "width",
    "episode_name_has_1_to_512_characters": "episodeName",
    "namespace_slug_is_a_slug": "namespace",
    "space_slug_is_a_slug": "project",
}


def meaning(state: str, constraint: str | None) -> errors.AssetsError:
    """The error for a client. An SQLSTATE that is not listed is a failure of the service.

    :param state: five characters.
    :param constraint: the name of the violated constraint. Citus does not pass it on from a worker;
        the error then names no field.
    """
    kind = next(
        (_MEANINGS[state[:length]] for length in (5, 3, 2) if state[:length] in _MEANINGS),
        errors.AssetsError,
    )
    field = _CONSTRAINTS.get(constraint or "")
    if field is None:
        return kind()
    return kind(f"{field} is not allowed.", fields={field: ["Not allowed."]})


def translated(error: psycopg.Error) -> errors.AssetsError:
    """What an error of the driver means to a client.

    It may be logged as the cause of what is returned. So what PostgreSQL says beside its message
    is taken out of it: the row that was refused, and parameters, may hold what is secret.
    """
    state = error.sqlstate
    if error.diag.message_primary:
        error.args = (f"{state}: {error.diag.message_primary}",)
    if state is not None:
        return meaning(state, error.diag.constraint_name)
    if isinstance(error, DeadlinePassed):
        return errors.DatabaseUnavailable()
    # Where the connection broke, nobody was left to give a state.
    lost = isinstance(error, psycopg.OperationalError)
    return errors.ConnectionLost() if lost else errors.AssetsError()
