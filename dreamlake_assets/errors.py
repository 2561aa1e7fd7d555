"""Every error that a client can see: its status, its stable code and its sentence."""

from http import HTTPStatus
from typing import ClassVar


class AssetsError(Exception):
    """The service failed to answer; the request id names its log."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str | None = None, *, fields: dict[str, list[str]] | None = None):
        """Say what went wrong.

        :param message: a sentence for people; the docstring of the class where it is not given.
        :param fields: what is wrong with which field.
        """
        super().__init__(message or self.sentence())
        self.fields = fields
        self.headers: dict[str, str] = {}

    @classmethod
    def sentence(cls) -> str:
        """The first line of the docstring: what the answer says when nothing better is known."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class InvalidRequest(AssetsError):
    """A value of the request is not allowed."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class MalformedJson(AssetsError):
    """The body is not JSON."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_json"


class Unauthenticated(AssetsError):
    """A valid bearer token is required."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"

    def __init__(self, message: str | None = None, *, token_given: bool = False):
        super().__init__(message)
        challenge = 'Bearer realm="dreamlake"'
        if token_given:
            challenge += f', error="invalid_token", error_description="{self}"'
        self.headers["WWW-Authenticate"] = challenge


class Forbidden(AssetsError):
    """The subject may read this namespace but not write to it."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(AssetsError):
    """There is nothing at this address; /docs says what there is."""

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


class PreconditionFailed(AssetsError):
    """What is here is not what If-Match asks for."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class BodyTooLarge(AssetsError):
    """The body is larger than 1 MiB."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


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
    """BSS did not return a presigned URL: it did not answer with a redirect."""


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
    """The database is away; try again soon."""

    code = "database_unavailable"


class DatabaseTimeout(Unavailable):
    """The database did not answer in time; try again."""

    code = "database_timeout"


class SchemaBehind(Unavailable):
    """The schema of the database is behind this service; run dreamlake-assets migrate."""

    code = "schema_behind"


class Overloaded(Unavailable):
    """The service is full; try again soon."""

    code = "overloaded"


class Rollback(Unavailable):
    """The database undid what the request did; try again soon."""


class ConnectionLost(DatabaseUnavailable):
    """The connection to the database was lost; try again soon."""


def catalogue() -> list[type[AssetsError]]:
    """Every error class with a code of its own, in the order of this module."""
    classes = [value for value in globals().values() if isinstance(value, type)]
    return [each for each in classes if issubclass(each, AssetsError) and "code" in vars(each)]
