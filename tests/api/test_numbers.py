"""Responses contain numbers with the value that was sent."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import NAMESPACE
from tests.support.api import PROJECT, Answer, Api, problem


def send(api: Api, kind: str, **members: str) -> Answer:
    """Register an asset with members given as JSON text."""
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


def exactly(text: str) -> Any:
    """Parse JSON with exact numbers, so that all digits are compared."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


EXACT = [
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "340282366920938463463374607431768211455",
    "1712345678.123456789",
    "0.10000000000000001",
    "2.2250738585072014e-308",
    "1.2345678901234568e-200",
    "3.14159265358979323846264338327950288419716939937510",
    "-0.0",
    "1.50",
    "1E5",
    "0e5",
    "1e-7",
    "5e-324",
    "1.7976931348623157e308",
    "0." + "123456789" * 110,
    "123456789" * 34,
    "123456789012345678e-330",
]


@pytest.mark.parametrize("number", EXACT, ids=lambda number: number[:24])
def test_a_number_in_metadata_is_kept_exactly(shared_api: Api, number: str) -> None:
    metadata = f'{{"a": {number}, "b": [{{"c": {number}}}]}}'

    response = shared_api.get(send(shared_api, "video", metadata=metadata).location)

    answer = exactly(response.get_data(as_text=True))
    assert answer["metadata"] == exactly(metadata)


@pytest.mark.parametrize(
    "number",
    ["1e-400", "-1e-324", "0." + "7" * 1000, "1." + "0" * 999 + "1"],
    ids=lambda number: number[:24],
)
def test_a_number_in_metadata_that_cannot_be_kept_is_refused(shared_api: Api, number: str) -> None:
    message = "A number has too many digits, or is too close to 0, to be kept exactly."

    response = send(shared_api, "video", metadata=f'{{"a": [{number}]}}')

    assert response.status_code == 400
    assert problem(response) == {
        "error": f"metadata: {message}",
        "code": "invalid_request",
        "fields": {"metadata": [message]},
    }


@pytest.mark.parametrize(
    "number",
    ["1e300", "-1e300", "1e-300", "1.7976931348623157e308", "123456789012345678901e-300", "1e19"],
)
def test_an_answer_is_about_as_large_as_what_was_sent(shared_api: Api, number: str) -> None:
    metadata = f'{{"a": [{", ".join([number] * 2_000)}], "b": "{"0" * 99}"}}'

    response = shared_api.get(send(shared_api, "video", metadata=metadata).location)

    answer = response.get_data(as_text=True)
    assert exactly(answer)["metadata"] == exactly(metadata)
    assert len(answer) < 4 * len(metadata)


def test_an_integer_of_64_bits_stays_one(shared_api: Api) -> None:
    metadata = '{"a": [10000000000000000000, -1000000000000000000, 1e-300]}'

    response = shared_api.get(send(shared_api, "video", metadata=metadata).location)

    assert '"metadata":{"a":[10000000000000000000,-1000000000000000000,1e-300]}' in (
        response.get_data(as_text=True)
    )
