"""The ETag of an asset, and its comparison with If-Match and If-None-Match (RFC 9110).

An ETag is ``"<revision>.<shape>"``. The revision counts the changes of the row, so a statement can
compare it. The shape stands for the form of responses: with another form, the same revision has
another ETag. Two releases with different shapes serve side by side during a deployment, so If-Match
compares revisions only.

The URL that finds the newest asset with a name may find another asset the next time, of the same
revision. There the ETag is ``"<revision>.<shape>.<asset id>"``. If-Match takes it for this asset.
"""

import re
from collections.abc import Collection

#: Increase it in each release that changes the form of a whole asset.
SHAPE = 1

#: The revision of an asset when it is registered.
FIRST_REVISION = 1

_STRONG = re.compile(r'"([1-9][0-9]{0,9})\.[0-9]+(?:\.([0-9a-f-]{36}))?"')
#: The maximum of PostgreSQL's type integer.
_LAST_REVISION = 2**31 - 1


def etag(revision: int, found_id: str | None = None) -> str:
    """Return the ETag of a revision, with its quotes.

    :param found_id: the id of the asset if it was found by its name.
    """
    return f'"{revision}.{SHAPE}"' if found_id is None else f'"{revision}.{SHAPE}.{found_id}"'


def expected_revisions(if_match: str | None, asset_id: str) -> list[int] | None:
    """Return the revisions of an asset that If-Match allows; None allows any.

    Weak tags, tags of other assets and tags that no asset can have match nothing.

    :param if_match: the header; None if the request has none.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    # The ETag of an asset has no comma, so a part of another tag is never taken for one.
    matches = (_STRONG.fullmatch(tag) for tag in _tags(if_match))
    revisions = {int(match[1]) for match in matches if match and match[2] in (None, asset_id)}
    return sorted(each for each in revisions if each <= _LAST_REVISION)


def is_expected(revision: int, revisions: Collection[int] | None) -> bool:
    """Return whether If-Match allows a revision.

    :param revisions: the result of :func:`expected_revisions`.
    """
    return revisions is None or revision in revisions


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Return whether If-None-Match names an ETag, as a strong or a weak one.

    :param if_none_match: the header; None if the request has none.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag in (each.removeprefix("W/") for each in _tags(if_none_match))


def _tags(header: str) -> list[str]:
    return [tag.strip(" \t") for tag in header.split(",")]
