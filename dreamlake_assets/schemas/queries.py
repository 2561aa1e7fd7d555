"""The marshmallow schemas of the query strings of lists."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from dreamlake_assets import limits
from dreamlake_assets.model.fields import (
    AssetName,
    EpisodeName,
    FolderPath,
    Id,
    Limit,
    Prefix,
    Sha256,
    Tags,
    Text,
    Timestamp,
)
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import NAME_PATTERN
from dreamlake_assets.schemas.requests import (
    GLOB_DESCRIPTION,
    MAY_BE_EMPTY,
    DownloadSchema,
    EpisodeFilterSchema,
    GlobPattern,
    InProjectSchema,
    RequestSchema,
    StrictSchema,
)


class Each(fields.List):
    """The values of a parameter that may be repeated, each once."""

    json_schema: ClassVar[dict[str, Any]] = {}

    def __init__(self, inner: fields.Field[Any], *, maximum: int, **kwargs: Any):
        times = validate.Length(max=maximum, error="Must be given at most {max} times.")
        super().__init__(inner, validate=times, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            return [self.inner.deserialize(value)]
        if isinstance(self.parent, StrictSchema) and self.data_key in self.parent.may_be_empty:
            value = [each for each in value if each != ""]
        return list(dict.fromkeys(super()._deserialize(value, *args, **kwargs)))


#: Parameters that may be given more than once.
REPEATABLE = frozenset({"tag", "episode", "episodeId", "sha256", "kind"})

_TAG_DESCRIPTION = (
    f"Filters by tag. Repeat the parameter, up to {limits.TAGS_TO_LIST_BY} times, to require"
    " several tags."
)

_SEVERAL_EPISODES = (
    f"Repeat the parameter, up to {limits.EPISODES_TO_LIST_BY} times, for assets in any of several"
    " episodes, which needs `limit`."
)

_LIMIT = Limit(load_default=None)
_CURSOR = Text(
    load_default=None,
    metadata={
        "description": "The `X-Next-Cursor` of the previous page. All other parameters except"
        " `limit` must be the same."
    },
)

_KINDS = Each(
    Text(validate=validate.OneOf([*KINDS])),
    maximum=len(KINDS),
    data_key="kind",
    load_default=list,
    metadata={"description": "Filters by kind. Repeat the parameter for several kinds."},
)


class ProjectsSchema(RequestSchema):
    """The query string of GET /assets/projects."""

    may_be_empty = MAY_BE_EMPTY

    prefix = Text(
        load_default=None,
        metadata={"description": "Filters by the literal, case-sensitive beginning of slugs."},
    )
    limit = _LIMIT
    cursor = _CURSOR


class ListSchema(InProjectSchema):
    """The query string of GET /assets/<kind>."""

    may_be_empty = MAY_BE_EMPTY

    episodes = Each(
        EpisodeName(),
        maximum=limits.EPISODES_TO_LIST_BY,
        data_key="episode",
        load_default=list,
        metadata={
            "description": f"Filters by the name of an episode. {_SEVERAL_EPISODES}",
        },
    )
    episode_ids = Each(
        Id(),
        maximum=limits.EPISODES_TO_LIST_BY,
        data_key="episodeId",
        load_default=list,
        metadata={
            "description": "Filters by the id of an episode. Cannot be combined with `episode`."
            f" {_SEVERAL_EPISODES}",
        },
    )
    prefix = Prefix(
        load_default=None,
        metadata={
            "description": "Filters by the literal, case-sensitive beginning of names. A leading"
            " slash is added."
        },
    )
    glob = GlobPattern(load_default=None, metadata={"description": GLOB_DESCRIPTION})
    tags = Tags(
        maximum=limits.TAGS_TO_LIST_BY,
        data_key="tag",
        load_default=list,
        metadata={"description": _TAG_DESCRIPTION},
    )
    created_after = Timestamp(
        data_key="createdAfter",
        load_default=None,
        metadata={"description": "Filters by registration at this time or later."},
    )
    created_before = Timestamp(
        data_key="createdBefore",
        load_default=None,
        metadata={"description": "Filters by registration before this time."},
    )
    name = AssetName(
        load_default=None,
        metadata={
            "description": "Filters by the whole name, which several assets may have.",
            "pattern": f"^({NAME_PATTERN})?$",
        },
    )
    digests = Each(
        Sha256(),
        maximum=limits.DIGESTS_TO_LIST_BY,
        data_key="sha256",
        load_default=list,
        metadata={
            "description": "Filters by the SHA-256 of the bytes. Repeat the parameter, up to"
            f" {limits.DIGESTS_TO_LIST_BY} times, for assets with any of several."
        },
    )
    deleted = Text(
        load_default=None,
        validate=validate.OneOf(["only"]),
        metadata={
            "description": "`only` lists deleted assets instead of live ones. Needs `limit`."
        },
    )
    view = Text(
        load_default=None,
        validate=validate.OneOf(["full"]),
        metadata={
            "description": "`full` returns all fields of each asset. A page then ends early when it"
            f" has {limits.PAGE_BYTES // 2**20} MiB."
        },
    )
    limit = _LIMIT
    cursor = _CURSOR

    @validates_schema
    def _combine(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["episodes"] and data["episode_ids"]:
            raise ValidationError("Give episodeId or episode, not both.", "episodeId")
        if data["limit"] is None and len(data["episodes"] + data["episode_ids"]) > 1:
            raise ValidationError("Is required with several episodes.", "limit")
        if data["limit"] is None and data["deleted"] is not None:
            raise ValidationError("Is required with deleted.", "limit")


class AllKindsSchema(ListSchema):
    """The query string of GET /assets."""

    kinds = _KINDS


class EpisodesSchema(InProjectSchema):
    """The query string of GET /assets/episodes."""

    may_be_empty = MAY_BE_EMPTY

    prefix = Text(
        load_default=None,
        metadata={"description": "Filters by the literal, case-sensitive beginning of names."},
    )
    glob = GlobPattern(
        load_default=None,
        metadata={
            "description": f"{GLOB_DESCRIPTION}\nThe name of an episode may begin with a slash, or"
            " have several in a row. In a pattern only `**` matches these, while `prefix` and"
            " `name` are literal."
        },
    )
    name = EpisodeName(load_default=None, metadata={"description": "Filters by the whole name."})
    limit = _LIMIT
    cursor = _CURSOR


class FoldersSchema(EpisodeFilterSchema):
    """The query string of GET /assets/folders."""

    parent = FolderPath(
        load_default=None,
        metadata={
            "description": "The folder whose folders are listed. `/`, the default, is the root."
        },
    )
    limit = _LIMIT
    cursor = _CURSOR


class LookupSchema(DownloadSchema):
    """The query string of GET /assets/lookup."""

    kinds = _KINDS


LIST = ListSchema()
ALL_KINDS = AllKindsSchema()
LOOKUP = LookupSchema()
PROJECTS = ProjectsSchema()
EPISODES = EpisodesSchema()
FOLDERS = FoldersSchema()
