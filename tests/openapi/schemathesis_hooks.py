"""Rules for schemathesis that OpenAPI 3.1 cannot express.

- The grammar of a ``glob``: JSON Schema has no grammars.
- A ``cursor`` is signed: a valid one comes from a response and is valid for that query only.
- An ``Idempotency-Key`` is new for each asset, in this run and in earlier ones.
- An ``If-Match`` must be the current ETag.
- Two parameters of a query, or two members of a body, exclude or require each other.
- Tags are added to an asset that may have 100 already.
- An id of BSS must exist in BSS: otherwise a download correctly returns 502.

The hooks correct requests that are meant to be valid. Requests that are meant to be invalid stay
unchanged, and no check is turned off.
"""

from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from dreamlake_assets.model.kinds import KINDS

_pieces = st.sampled_from(["*", "**", "**/", "?", "[abc]", "[a-z]", "[!a]", "[]a]", r"\*", r"\["])
_globs = st.recursive(
    st.text("abz019/._- é", max_size=8) | _pieces,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"{{{','.join(each)}}}"),
    ),
    max_leaves=8,
)

#: Ids that exist in the local BSS.
_BSS_IDS = {kind.bss_field: kind.sample[kind.bss_field] for kind in KINDS.values()}

schemathesis.openapi.format("glob", _globs)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Correct a request that is meant to be valid."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    case.headers.pop("If-Match", None)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    if isinstance(case.body, dict):
        for each in (case.body, *_objects(case.body.get("assets"))):
            each.update({name: known for name, known in _BSS_IDS.items() if each.get(name)})
            if isinstance(tags := each.get("tags"), list):
                each["tags"] = tags[:90]
        _change_tags_once(case.body)
        if case.operation.path == "/assets/download":
            _name_once(case.body)
        if case.operation.path == "/assets/delete":
            _select_once(case.body)
    _correct_query(case.query, is_list=not case.operation.path.endswith(("download", "lookup")))


def _correct_query(query: dict[str, Any], *, is_list: bool) -> None:
    query.pop("cursor", None)
    if query.get("episodeId"):
        query.pop("episode", None)
    if is_list and (query.get("deleted") or query.get("episode") or query.get("episodeId")):
        query.setdefault("limit", 10)


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _change_tags_once(body: dict[str, Any]) -> None:
    """Leave the tags, or a few tags to add or to remove: an asset may have 100."""
    if body.get("addTags"):
        body["addTags"] = body["addTags"][:3]
        body.pop("removeTags", None)
    if body.get("addTags") or body.get("removeTags"):
        body.pop("tags", None)


def _name_once(body: dict[str, Any]) -> None:
    """Leave items or a selection, and one name of each item."""
    body.pop("cursor", None)
    if body.get("episodeId"):
        body.pop("episode", None)
    if body.get("items"):
        for name in ("prefix", "glob", "kind", "limit"):
            body.pop(name, None)
    else:
        body.pop("items", None)
        body.setdefault("prefix", "/camera")
        body["prefix"] = body["prefix"] or "/camera"
    for item in _objects(body.get("items")):
        if item.get("id"):
            item.pop("path", None)
            item.pop("kind", None)
        else:
            item["path"] = item.get("path") or "/camera/front/run01.mp4"


def _select_once(body: dict[str, Any]) -> None:
    """Leave ids, or a selection by at most one episode and one pattern of names."""
    selecting = ("kind", "episode", "episodeId", "prefix", "glob", "name", "tag")
    selecting += ("createdAfter", "createdBefore")
    for name in selecting:
        if body.get("ids") or not body.get(name):
            body.pop(name, None)
    if body.get("ids"):
        return
    body.pop("ids", None)
    if "episodeId" in body:
        body.pop("episode", None)
    for name in [name for name in ("prefix", "glob", "name") if name in body][1:]:
        del body[name]
    if not body.keys() & {*selecting[1:]}:
        body["prefix"] = "/camera"
