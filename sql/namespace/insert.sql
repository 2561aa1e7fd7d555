-- Creates a namespace.
--
-- Route:   dreamlake-assets namespace create
-- Params:
--     namespace_id  uuid  01970000-0000-7000-8000-000000000005
--     namespace     text  testuser
-- Returns: scalar: namespace_id. None: a namespace with this slug exists.
-- Index:   namespace_slug_key, for the conflict

INSERT INTO namespace (
    namespace_id,
    slug
)
VALUES (
    %(namespace_id)s::uuid,
    %(namespace)s::text
)
ON CONFLICT (slug) DO NOTHING
RETURNING namespace_id
