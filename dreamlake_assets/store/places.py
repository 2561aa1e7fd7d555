"""Lists of projects, episodes and folders."""

from dreamlake_assets import limits
from dreamlake_assets.model.cursors import Position
from dreamlake_assets.model.globs import LAST_CODE_POINT, LOWEST_CHARACTER, Glob, upper_bound
from dreamlake_assets.store.lists import Listing

#: Sorts after every slug.
_ABOVE_ALL_SLUGS = "{"
#: Sorts after the name of every episode, which may begin with any character.
_ABOVE_ALL_EPISODES = LAST_CODE_POINT * (limits.EPISODE_CHARACTERS + 1)


def projects(
    *, subject: str, namespace: str, prefix: str | None, after: Position | None
) -> Listing:
    """List the projects of a namespace by slug: id, slug, time of creation."""
    parameters = {
        "namespace": namespace,
        "subject": subject,
        "from_name": _from(prefix or "", after),
        "upper_name": upper_bound(prefix or "", _ABOVE_ALL_SLUGS),
    }
    return Listing("space/list_by_namespace", parameters)


def episodes(
    *,
    subject: str,
    namespace: str,
    project: str,
    prefix: str | None,
    glob: Glob | None,
    name: str | None,
    after: Position | None,
) -> Listing:
    """List the episodes of a project by name: id, name, id of the project, time of creation.

    :param prefix: start of the name; ignored if a glob is given.
    :param glob: matches the whole name with a slash before it.
    :param name: the whole name; an episode must match the prefix or the glob, too.
    """
    if glob is not None:
        lower, upper = glob.lower[1:], glob.upper[1:] or _ABOVE_ALL_EPISODES
    else:
        lower, upper = prefix or "", upper_bound(prefix or "", _ABOVE_ALL_EPISODES)
    if name is not None:
        lower, upper = max(lower, name), min(upper, name + LOWEST_CHARACTER)
    parameters = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        "from_name": _from(lower, after),
        "upper_name": upper,
        "regex": "" if glob is None else glob.regex,
    }
    return Listing("episode/list_by_project", parameters)


def folders(
    *,
    subject: str,
    namespace: str,
    project: str,
    episode: str | None,
    episode_id: str | None,
    parent: str | None,
    after: Position | None,
) -> Listing:
    """List the folders directly in a folder by path: id, path.

    The id is null if the folder is in several places, which are episodes or the project itself.

    :param episode: name of an episode; None lists the folders of the whole project.
    :param episode_id: id of an episode, instead of its name.
    :param parent: path of the folder; None or empty for the root.
    """
    parameters = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        "parent": parent or "",
        "from_name": _from(f"{parent or ''}/", after),
    }
    if episode is None and episode_id is None:
        return Listing("node/list_by_project", parameters)
    parameters |= {"episode": episode, "episode_id": episode_id}
    return Listing("node/list_by_episode", parameters)


def _from(lower: str, after: Position | None) -> str:
    """Return the least name that may be on a page."""
    return lower if after is None else f"{after.name}{LOWEST_CHARACTER}"
