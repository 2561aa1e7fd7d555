"""The schemas of batches, and their validation, which names every invalid asset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from marshmallow import Schema, ValidationError, validate

from dreamlake_assets import limits
from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model.fields import REQUIRED, EpisodeName, Text
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.schemas import requests
from dreamlake_assets.schemas.requests import ArrayOfBatch, AssetSchema, InProjectSchema


@dataclass(frozen=True, slots=True)
class Batch:
    """A validated batch.

    :param assets: the kind of each asset, and its fields, by column.
    """

    namespace: str
    project: str
    assets: list[tuple[Kind, dict[str, Any]]]


class Assets(ArrayOfBatch):
    """The assets, of any kinds. All of them are registered, or none."""

    noun = "assets"
    json_schema: ClassVar[dict[str, Any]] = {
        **ArrayOfBatch.json_schema,
        "items": {"$ref": "#/components/schemas/Item"},
    }


class BatchSchema(InProjectSchema):
    """The body of POST /assets/batch. The assets are validated by :func:`load`."""

    may_be_empty = frozenset({"namespace", "project", "space", "episodeName"})

    episode = EpisodeName(
        data_key="episodeName",
        load_default=None,
        metadata={
            "description": "The name of the episode of the assets that do not have `episodeName`."
        },
    )
    assets = Assets(required=True, error_messages={"required": REQUIRED})


def _item_schema(kind: Kind) -> Schema:
    name = Text(
        required=True,
        validate=validate.Equal(kind.name),
        metadata={"description": "The kind of the asset."},
    )
    episode = EpisodeName(
        data_key="episodeName",
        load_default=None,
        metadata={
            "description": "The name of the episode. Absent: the episode of the batch. Null or"
            " empty: none."
        },
    )
    own = {"kind": name, "episode": episode, **requests.fields_of(kind)}
    return type(f"Batched{kind.bss_field}Schema", (AssetSchema,), own)()


BATCH = BatchSchema()
ITEM = {name: _item_schema(kind) for name, kind in KINDS.items()}

_KIND = f"Must be one of: {', '.join(KINDS)}."


def load(data: Any) -> Batch:
    """Return a validated batch.

    :raises InvalidRequest: a value is not valid. The error names every such field of the batch and
        of the first ``limits.BATCH_ERRORS`` invalid assets, and has the number of these assets.
    """
    if not isinstance(data, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    messages: dict[str, list[str]] = {}
    batch: dict[str, Any] = {}
    try:
        batch = cast("dict[str, Any]", BATCH.load(data))
    except ValidationError as error:
        messages = requests.messages_of(error.normalized_messages())
    given = data.get("assets")
    if "assets" in messages or not isinstance(given, list):
        raise InvalidRequest(requests.sentence(BATCH, messages), fields=messages)
    assets, invalid = _items(given, batch.get("episode"))
    for position in sorted(invalid)[: limits.BATCH_ERRORS]:
        for name, texts in requests.messages_of(invalid[position]).items():
            messages[f"assets.{position}.{name}".rstrip(".")] = texts
    if messages:
        raise InvalidRequest(_sentence(messages, invalid), fields=messages, invalid=len(invalid))
    return Batch(batch["namespace"], batch["project"], assets)


def _items(
    given: list[Any], episode: str | None
) -> tuple[list[tuple[Kind, dict[str, Any]]], dict[int, Mapping[Any, Any]]]:
    """Validate the assets of each kind in one pass.

    :param episode: the episode of assets that name none.
    :returns: the kind and the fields of each asset, and the errors of invalid ones, by position.
        The assets are complete only if there is no error.
    """
    positions: dict[str, list[int]] = {}
    invalid: dict[int, Mapping[Any, Any]] = {}
    for position, item in enumerate(given):
        kind = item.get("kind") if isinstance(item, Mapping) else None
        if isinstance(kind, str) and kind in KINDS:
            positions.setdefault(kind, []).append(position)
        elif not isinstance(item, Mapping):
            invalid[position] = {"": ["Must be an object."]}
        else:
            invalid[position] = {"kind": [REQUIRED if kind is None else _KIND]}
    loaded: dict[int, tuple[Kind, dict[str, Any]]] = {}
    for kind, of_kind in positions.items():
        try:
            assets = cast(
                "list[dict[str, Any]]",
                ITEM[kind].load([given[position] for position in of_kind], many=True),
            )
        except ValidationError as error:
            errors: dict[Any, Any] = error.normalized_messages()
            invalid |= {of_kind[number]: texts for number, texts in errors.items()}
            continue
        for position, asset in zip(of_kind, assets, strict=True):
            if "episodeName" not in given[position]:
                asset["episode"] = episode
            loaded[position] = KINDS[kind], asset
    return [loaded[position] for position in sorted(loaded)], invalid


def _sentence(messages: dict[str, list[str]], invalid: Mapping[int, object]) -> str:
    """Return the sentence of an error: the first message of an asset stands for all."""
    of_batch = {name: texts for name, texts in messages.items() if not name.startswith("assets.")}
    first = next((name for name in messages if name.startswith("assets.")), None)
    if first is None or of_batch:
        return requests.sentence(BATCH, of_batch)
    more = f" ({len(invalid):,} assets are invalid.)" if len(invalid) > 1 else ""
    return requests.sentence(BATCH, {first: messages[first]}) + more
