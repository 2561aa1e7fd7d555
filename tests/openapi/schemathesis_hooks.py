"""What schemathesis is told beside the document, since OpenAPI 3.1 has no words for it.

- What is a good ``glob``: JSON Schema has no grammars.
- That a ``cursor`` is signed: a good one stands in an answer, and goes with that request only.
- That an ``Idempotency-Key`` is new for each asset, in this run and in those before.
- That two parameters of a query do not go together.
- That an id of BSS is the id of something there: a download would answer 502, as it should.

It makes requests good that are meant to be; those that are meant to be bad are left as they are,
and no check is turned off.
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

#: What the local BSS has.
_BSS_IDS = {kind.bss_field: kind.sample[kind.bss_field] for kind in KINDS.values()}

schemathesis.openapi.format("glob", _globs)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Make good what is meant to be."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    if isinstance(case.body, dict):
        case.body.update({name: known for name, known in _BSS_IDS.items() if case.body.get(name)})
    case.query.pop("cursor", None)
    if case.query.get("episodeId"):
        case.query.pop("episode", None)
