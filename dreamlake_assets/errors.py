"""The errors that clients see, each with a status, a stable code and a sentence.

The first line of a class's docstring is its sentence, which responses and the OpenAPI document
publish.
"""

from http import HTTPStatus
from typing import ClassVar


class AssetsError(Exception):
    """The service failed unexpectedly; its log has the details under this request id."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str | None = None,
        *,
        fields: dict[str, list[str]] | None = None,
        invalid: int = 0,
        reason: str | None = None,
    ):
        """Create an error with its message and headers.

        :param message: a sentence for people; by default that of the class.
        :param fields: for a failed validation, the messages of each invalid field.
        :param invalid: for a batch, the number of invalid assets.
        :param reason: details for the log, without secrets. Clients do not see them.
        """
        super().__init__(message or self.sentence())
        self.fields = fields
        self.invalid = invalid
        #: For a page of a selection: the cursor of the next page, if there is one.
        self.next_cursor: str | None = None
        self.reason = reason
        self.headers: dict[str, str] = {}

    @classmethod
    def sentence(cls) -> str:
        """Return the default message: the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class InvalidRequest(AssetsError):
    """A value in the request is missing or not allowed."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class MalformedJson(AssetsError):
    """The body is not JSON."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_json"


class Unauthenticated(AssetsError):
    """A token is required in the header Authorization, after the word Bearer."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"

    def __init__(self, message: str | None = None, *, token_given: bool = False):
        super().__init__(message)
        challenge = 'Bearer realm="dreamlake"'
        if token_given:
            challenge += f', error="invalid_token", error_description="{self}"'
        self.headers["WWW-Authenticate"] = challenge


class NotPermitted(AssetsError):
    """The database role of the service lacks a privilege; the request id names its log."""


class Forbidden(AssetsError):
    """The subject may read this namespace but not write to it."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(AssetsError):
    """This path does not exist: no path ends in a slash, and ids are UUIDs; see /docs."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class NamespaceNotFound(NotFound):
    """Namespace not found."""

    code = "namespace_not_found"


class ProjectNotFound(NotFound):
    """Project not found."""

    code = "project_not_found"


class EpisodeNotFound(NotFound):
    """Episode not found."""

    code = "episode_not_found"


class AssetNotFound(NotFound):
    """Asset not found."""

    code = "asset_not_found"


class BssRecordMissing(NotFound):
    """Asset has no BSS record."""

    code = "bss_record_missing"


class MethodNotAllowed(AssetsError):
    """This method is not allowed here."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class AssetDeleted(AssetsError):
    """The asset is deleted; restore it first."""

    status = HTTPStatus.CONFLICT
    code = "asset_deleted"


class Conflict(AssetsError):
    """Other requests keep changing this asset; nothing was written, try again."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class PreconditionFailed(AssetsError):
    """The current ETag does not match If-Match; get the asset again."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class BodyTooLarge(AssetsError):
    """The body is larger than 1 MiB, or 4 MiB for a batch."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class UrlTooLong(AssetsError):
    """The URL is too long; a request line has at most 8,190 bytes."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG
    code = "url_too_long"


class UnsupportedMediaType(AssetsError):
    """The body must be sent as application/json."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class IdempotencyKeyReused(AssetsError):
    """This Idempotency-Key was used for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class BssError(AssetsError):
    """BSS did not return a presigned URL."""

    status = HTTPStatus.BAD_GATEWAY
    code = "bss_failed"


class BssUnreachable(BssError):
    """BSS did not return a presigned URL: it cannot be reached."""

    code = "bss_unreachable"


class BssTimeout(BssError):
    """BSS did not return a presigned URL: it did not answer in time."""

    code = "bss_timeout"


class BssNoRedirect(BssError):
    """BSS did not return a presigned URL: it did not answer with a redirect."""

    code = "bss_no_redirect"


class BssFailing(BssNoRedirect):
    """BSS did not return a presigned URL: it did not answer with a redirect.

    Its status was 500 or above, which counts towards the circuit breaker.
    """


class BssNoLocation(BssError):
    """BSS did not return a presigned URL: its redirect has no Location."""

    code = "bss_no_location"


class BssBadLocation(BssError):
    """BSS did not return a presigned URL: its Location is not http or https."""

    code = "bss_bad_location"


class Unavailable(AssetsError):
    """The service is not available; try again soon."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    retry_after_seconds: ClassVar[int] = 1

    def __init__(self, message: str | None = None):
        super().__init__(message)
        self.headers["Retry-After"] = str(self.retry_after_seconds)


class DatabaseUnavailable(Unavailable):
    """The database is unavailable; try again soon."""

    code = "database_unavailable"


class DatabaseTimeout(Unavailable):
    """The database did not answer in time; try again."""

    code = "database_timeout"


class DatabaseReadOnly(Unavailable):
    """The database takes no writes at the moment; reads go on, try again soon."""

    code = "database_read_only"


class SchemaBehind(Unavailable):
    """The schema of the database is behind this service; run dreamlake-assets migrate."""

    code = "schema_behind"


class Overloaded(Unavailable):
    """The service is at capacity; try again soon."""

    code = "overloaded"


class AlreadyExists(Unavailable):
    """A row with this key was just made; try again soon."""


class Rollback(Unavailable):
    """The database rolled the request back; try again soon."""


class ConnectionLost(DatabaseUnavailable):
    """The connection to the database was lost; try again soon."""


def catalogue() -> list[type[AssetsError]]:
    """Return the error classes that define a code, in the order of this module."""
    classes = [value for value in globals().values() if isinstance(value, type)]
    return [each for each in classes if issubclass(each, AssetsError) and "code" in vars(each)]
