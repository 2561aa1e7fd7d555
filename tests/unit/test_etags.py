"""The ETags of assets: how If-Match and If-None-Match are compared with them."""

import pytest

from dreamlake_assets.model.etags import SHAPE, etag, expected_revisions, is_expected, is_known

OTHER_SHAPE = SHAPE + 1
ASSET, OTHER = "01970000-0000-7000-8000-000000000003", "01970000-0000-7000-8000-000000000004"


@pytest.mark.parametrize(
    ("header", "revisions"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        (etag(3), [3]),
        (f'"3.{OTHER_SHAPE}"', [3]),
        (f' {etag(3)} ,\t{etag(12)},"x"', [3, 12]),
        (f"{etag(3)},{etag(3)}", [3]),
        (f"{etag(3, ASSET)}, {etag(4, OTHER)}", [3]),
        (f'"3.{OTHER_SHAPE}.{ASSET}"', [3]),
        (etag(2**31 - 1), [2**31 - 1]),
        (etag(2**31), []),
        (etag(99_999_999_999), []),
        # Weak tags, and tags of others or of nobody.
        (f"W/{etag(3)}", []),
        (f"w/{etag(3)}", []),
        (f"W/{etag(3)}, {etag(4)}", [4]),
        (etag(3).strip('"'), []),
        ("3", []),
        ('"3"', []),
        ('"3."', []),
        ('"03.1"', []),
        ('"0.1"', []),
        ('"-3.1"', []),
        ('"3.x"', []),
        ('"\u0663.1"', []),
        ('"a,3.1"', []),
        ('"*"', []),
        (f"*, {etag(3)}", [3]),
        ("", []),
        (",,", []),
    ],
)
def test_if_match_allows_revisions(header: str | None, revisions: list[int] | None) -> None:
    assert expected_revisions(header, ASSET) == revisions
    assert is_expected(3, revisions) == (revisions is None or 3 in revisions)


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (etag(3), True),
        (f"W/{etag(3)}", True),
        (f'"x", W/"y", {etag(3)}', True),
        (f'"3.{OTHER_SHAPE}"', False),
        (etag(33), False),
        (etag(3, ASSET), False),
        (etag(3).strip('"'), False),
    ],
)
def test_if_none_match_compares_whole_tags(header: str | None, known: bool) -> None:
    assert is_known(etag(3), header) is known
