"""How large anything may be. :mod:`.deadlines` has the limits of time."""

# A request, in bytes.
BODY = 1024 * 1024
BATCH_BODY = 4 * BODY
#: The longest legal list request, with the longest episode name and glob, escaped, has about 7 KB.
REQUEST_LINE = 8190
#: The path and the query string, as in deploy/nginx.conf.
TARGET = 8149
HEADER = 16_380
TOKEN = 8192

# A worker.
#: Downloads that may wait for BSS at a time, for each request that is worked on.
DOWNLOADS = 8

# Names.
NAME_BYTES = 1024
SEGMENT_BYTES = 255
FOLDERS = 32
EPISODE_CHARACTERS = 512

# Fields of an asset.
BSS_ID_CHARACTERS = 512
METADATA_BYTES = 65_536
#: The length of a number in metadata that no double equals.
NUMBER_CHARACTERS = 1000
TAGS = 100
TAG_CHARACTERS = 200
#: The maximum of PostgreSQL's type integer.
COUNT = 2**31 - 1
#: Bytes of a file: JavaScript holds whole numbers up to this one exactly.
SIZE = 2**53 - 1
CONTENT_TYPE_CHARACTERS = 255

# Batches.
#: Assets in one batch.
BATCH = 1000
#: Invalid assets that an error names.
BATCH_ERRORS = 100

# A download of many.
URLS = 200

# Lists.
PAGE = 1000
#: Bytes at which a page of ``view=full`` ends early. A thousand assets may have 64 MiB of metadata.
PAGE_BYTES = 4 * 1024 * 1024
#: The cursor of the longest name of an asset.
CURSOR = 1460
#: The cursor of the longest name of an episode, whose characters may have four bytes.
EPISODE_CURSOR = 2850
#: Tags in a query string, which has to fit into the request line.
TAGS_TO_LIST_BY = 10
EPISODES_TO_LIST_BY = 20
DIGESTS_TO_LIST_BY = 50
GLOB_BYTES = 1024
GLOB_ALTERNATIVES = 64
#: Characters of the regular expression that a glob is translated to.
REGEX_CHARACTERS = 16_384


def body(path: str) -> int:
    """Return the bytes that the body of a request for a path may have."""
    return BATCH_BODY if path == "/assets/batch" else BODY
