"""Flask and its response, without the work that no route of this service needs."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import flask
from flask.globals import request_ctx
from werkzeug.routing import MapAdapter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Application(flask.Flask):
    """Flask, whose routes depend on the path and the method alone.

    It has no sessions and sends no signals, and its routes are functions that return responses.
    """

    def __init__(self, *arguments: Any, checks: Iterable[Callable[[flask.Request], None]]):
        """Create the application.

        :param checks: functions that check each request before its route is called. They take the
            request itself, because each access to Flask's proxy for it costs 0.5 us.
        """
        super().__init__(*arguments, static_folder=None)
        self._checks = tuple(checks)

    def full_dispatch_request(self) -> flask.Response:
        """Return the response to a request."""
        try:
            request: Any = request_ctx.request
            for check in self._checks:
                check(request)
            response: Any = self.dispatch_request()
        except Exception as error:  # noqa: BLE001  (an error handler responds to it)
            response = self.handle_user_exception(error)
        return response

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function of a route as it is."""
        return func

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """Return the adapter that matches the path of a request.

        Werkzeug's own parses the Host, and refuses one that is not valid IDNA.
        """
        if request is None:
            return None
        return MapAdapter(
            self.url_map,
            server_name="localhost",
            script_name=request.root_path,
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
        )


class Response(flask.Response):
    """A response whose headers are sent as the route has set them.

    Werkzeug's own copies them twice and escapes every Location. Here locations are ASCII.
    """

    def get_wsgi_response(
        self, environ: "WSGIEnvironment"
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return the body, the status and the headers."""
        if self.status_code in (204, 304) or "Content-Length" not in self.headers:
            return super().get_wsgi_response(environ)
        return self.get_app_iter(environ), self.status, self.headers.to_wsgi_list()
