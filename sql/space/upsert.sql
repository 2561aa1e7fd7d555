-- Creates a project if it is missing, and returns the role of the subject.
--
-- Route:   POST /assets/<kind> and /assets/batch, when a part of a path is missing
-- Params:
--     namespace  text  testuser
--     subject    text  test-001
--     project    text  robotics
--     space_id   uuid  01970000-0000-7000-8000-000000000002
-- Returns: scalar: the role of the subject; a reader creates nothing. None: there is no such
--          namespace, or the subject is not a member of it.
-- Index:   namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     See sql/README.md: #look-up-before-inserting.

WITH member AS (
    SELECT
        namespace.namespace_id,
        namespace_member.role
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
    WHERE namespace.slug = %(namespace)s::text
),

made AS (
    INSERT INTO space (
        namespace_id,
        space_id,
        slug
    )
    SELECT
        member.namespace_id,
        %(space_id)s::uuid,
        %(project)s::text
    FROM member
    WHERE member.role = 'writer'
        AND NOT EXISTS (
            SELECT 1
            FROM space AS found
            WHERE found.namespace_id = member.namespace_id
                AND found.slug = %(project)s::text
        )
    ON CONFLICT (namespace_id, slug) DO NOTHING
)

SELECT member.role
FROM member
