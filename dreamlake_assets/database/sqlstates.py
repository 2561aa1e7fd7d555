"""Translation of PostgreSQL errors into client errors, by SQLSTATE and by constraint."""

import psycopg

from dreamlake_assets import errors
from dreamlake_assets.database.connection import DeadlinePassed

#: The error for an SQLSTATE, or for all that begin with the same two or three characters.
#: Source: PostgreSQL's documentation, appendix A.
_MEANINGS: dict[str, type[errors.AssetsError]] = {
    "08": errors.ConnectionLost,  # connection exception
    "22": errors.InvalidRequest,  # data exception
    "2201E": errors.Rollback,  # argument of ln: only asset/update takes one, to undo its flight
    "22012": errors.IdempotencyKeyReused,  # division by zero: only asset/insert_once divides
    "23": errors.InvalidRequest,  # integrity constraint violation
    "23502": errors.AssetsError,  # not null violation: the service left out a value
    "23503": errors.Unavailable,  # foreign key violation: a row that was found is gone meanwhile
    "23505": errors.AlreadyExists,  # unique violation: another request was faster
    "25006": errors.DatabaseReadOnly,  # read-only transaction: a standby, or read-only by setting
    "40": errors.Rollback,  # transaction rollback: deadlock, conflict with recovery
    "42501": errors.NotPermitted,  # insufficient privilege
    "42P01": errors.SchemaBehind,  # undefined table
    "42703": errors.SchemaBehind,  # undefined column
    "53": errors.Overloaded,  # insufficient resources
    "55P03": errors.DatabaseTimeout,  # lock not available
    "57014": errors.DatabaseTimeout,  # query canceled
    "57P": errors.ConnectionLost,  # admin shutdown, crash shutdown, cannot connect now
}

#: The message of Citus, under the SQLSTATE of an internal error, if a transaction loses a worker.
_WORKER_LOST = "failure on connection marked as essential"

#: The request field that each constraint checks, under its name in the API. Request schemas apply
#: the same rules first; the database enforces them.
_CONSTRAINTS = {
    "asset_channels_is_1_or_more": "channels",
    "asset_content_type_has_at_most_255_characters": "contentType",
    "asset_format_is_known": "format",
    "asset_fps_is_above_0": "fps",
    "asset_height_is_1_or_more": "height",
    "asset_lens_is_known": "lens",
    "asset_name_begins_with_a_slash": "name",
    "asset_sample_rate_is_above_0": "sampleRate",
    "asset_sha256_has_32_bytes": "sha256",
    "asset_size_is_0_or_more": "size",
    "asset_width_is_1_or_more": "width",
    "episode_name_has_1_to_512_characters": "episodeName",
    "namespace_slug_is_a_slug": "namespace",
    "space_slug_is_a_slug": "project",
}


def meaning(state: str, constraint: str | None) -> errors.AssetsError:
    """Return the error that a client sees for an error of PostgreSQL.

    :param state: the SQLSTATE, five characters.
    :param constraint: name of the violated constraint, or None. Citus does not pass it on from a
        worker; the error then names no field.
    :returns: an internal error for an unexpected SQLSTATE.
    """
    kind = next(
        (_MEANINGS[state[:length]] for length in (5, 3, 2) if state[:length] in _MEANINGS),
        errors.AssetsError,
    )
    field = _CONSTRAINTS.get(constraint or "")
    if field is None:
        return kind()
    return kind(f"The value of {field} is not allowed.", fields={field: ["Not allowed."]})


def translated(error: psycopg.Error) -> errors.AssetsError:
    """Translate an error of psycopg into the error that a client sees.

    The error of psycopg may be logged as the cause, so its message is reduced to the SQLSTATE and
    the primary message. The details (the refused row, parameters) may contain secrets.
    """
    state = error.sqlstate
    message = error.diag.message_primary
    if message:
        error.args = (f"{state}: {message}",)
    if state == "XX000" and message and message.startswith(_WORKER_LOST):
        return errors.ConnectionLost()
    if state is not None:
        return meaning(state, error.diag.constraint_name)
    if isinstance(error, DeadlinePassed):
        return errors.DatabaseUnavailable()
    # An error of the connection itself has no SQLSTATE.
    lost = isinstance(error, psycopg.OperationalError)
    return errors.ConnectionLost() if lost else errors.AssetsError()
