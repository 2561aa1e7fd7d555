"""JSON whose numbers keep their values."""

import json
from decimal import Decimal
from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamlake_assets.model import exact_json
from dreamlake_assets.model.exact_json import LongNumber

DIGITS = st.integers(0, 10**30).map(str) | st.integers(0, 2**65).map(str)
NUMBERS = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{whole}{fraction}{exponent}",
    st.sampled_from(["", "-"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
    st.just("")
    | st.integers(-330, 260).map("e{}".format)
    | st.integers(0, 99).map("E+{:03}".format),
)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBERS)
def test_a_number_keeps_its_value(text: str) -> None:
    value = exact_json.loads(text)

    assert Decimal(exact_json.dumps(value).decode()) == Decimal(text)
    assert float(value) == float(text)


@given(DOUBLES, st.sampled_from(["{!r}", "{:.16e}", "{:.17g}", "{:.25g}"]))
def test_a_double_keeps_its_value_however_it_is_written(number: float, form: str) -> None:
    text = form.format(number)

    written = exact_json.dumps(exact_json.loads(text)).decode()

    assert Decimal(written) == Decimal(text)
    assert float(written) == number


@given(DOUBLES | st.integers(-(2**63), 2**64 - 1))
def test_a_double_or_an_integer_of_64_bits_is_no_long_number(number: float) -> None:
    value = exact_json.loads(json.dumps(number))

    assert (type(value), value) == (type(number), number)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("1712345678.123456789", "1712345678.123456789"),
        ("0.10000000000000001", "0.10000000000000001"),
        ("1e-400", "1E-400"),
        ("123456789012345678900" + "0" * 280, "1.234567890123456789E+300"),
    ],
)
def test_a_long_number_has_its_digits(text: str, digits: str) -> None:
    value = exact_json.loads(text)

    assert isinstance(value, LongNumber)
    assert value.digits == digits
    assert value == float(text)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1" * 400, "1" * 5000, "NaN", "-Infinity"])
def test_a_number_beyond_all_doubles_is_not_finite(text: str) -> None:
    assert not isfinite(exact_json.loads(text))


@pytest.mark.parametrize(
    ("stored", "short"),
    [
        (b'[1%s, "a"]' % (b"0" * 400), b'[1E+400,"a"]'),
        (b"[-12%s]" % (b"0" * 400), b"[-1.2E+401]"),
        (b"[0.%s1]" % (b"0" * 400), b"[1E-401]"),
        (b'["%s", 30]' % (b"0" * 20), b'["%s",30]' % (b"0" * 20)),
        (b"[1%s, 30]" % (b"0" * 19), b"[1%s, 30]" % (b"0" * 19)),
    ],
    ids=["large", "negative", "small", "text", "integer"],
)
def test_a_stored_number_is_shortened_without_a_change(stored: bytes, short: bytes) -> None:
    assert exact_json.shortened(stored) == short


@pytest.mark.parametrize("exponent", [-(10**19), 10**19])
def test_an_exponent_that_even_a_decimal_does_not_hold_is_refused(exponent: int) -> None:
    with pytest.raises(ValueError, match=r"^the exponent of 0\.0e.* is out of range$"):
        exact_json.loads(f'{{"a": 0.0e{exponent}}}')


VALUES = st.recursive(
    st.none() | st.booleans() | DOUBLES | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_anything_else_is_read_and_written_as_by_the_standard_library(value: Any) -> None:
    text = json.dumps(value)

    assert exact_json.loads(text) == value
    assert json.loads(exact_json.dumps(value)) == value
