"""Numbers come back with the value that was sent."""

import json
import re

import pytest

from tests.conftest import NAMESPACE
from tests.support.api import PROJECT, Answer, Api


def send(api: Api, kind: str, **members: str) -> Answer:
    """Register an asset; the members are JSON text."""
    given = {"namespace": f'"{NAMESPACE}"', "project": f'"{PROJECT}"', **members}
    return api.send(
        "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in given.items()) + "}", kind
    )


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("30", "30"),
        ("30.0", "30"),
        ("3e1", "30"),
        ("29.97", "29.97"),
        ("23.976023976023978", "23.976023976023978"),
        ("192000", "192000"),
        ("1e30", "1e+30"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ],
)
@pytest.mark.parametrize(("kind", "field"), [("video", "fps"), ("audio", "sampleRate")])
def test_a_whole_number_has_no_fraction(
    *, shared_api: Api, kind: str, field: str, sent: str, answered: str
) -> None:
    location = send(shared_api, kind, episodeName=f'"{sent}"', **{field: sent}).location

    for response in (
        shared_api.get(location),
        shared_api.listing(kind, episode=sent),
        shared_api.listing(kind, episode=sent, limit=1),
    ):
        text = response.get_data(as_text=True)
        assert re.findall(f'"{field}":([^,}}]+)', text) == [answered]
        assert float(answered) == float(sent)


def test_the_default_of_fps_is_a_whole_number(shared_api: Api) -> None:
    response = shared_api.get(send(shared_api, "video").location)

    assert '"fps":30,' in response.get_data(as_text=True)
