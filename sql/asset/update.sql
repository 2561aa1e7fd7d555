-- Changes an asset of the namespaces of the subject, and moves it to an existing path.
--
-- Route:   PATCH /assets/<kind>/<id>
-- Params:
--     subject        text            test-001
--     asset_id       uuid            01970000-000e-7000-8000-0000000f4240
--     kind           text            video
--     change_id      uuid            01970000-0000-7000-8000-000000000005
--     revisions      int[] or null   {1}
--     base_revision  int or null     null
--     in_flight      boolean         false
--     given          text[]          {name,episode,fps}
--     name           text or null    /camera/front/run01.mp4
--     folder         text or null    /camera/front
--     episode        text or null    run-042
--     bss_id         text or null    null
--     fps            float or null   30
--     lens           text or null    null
--     sample_rate    float or null   null
--     channels       int or null     null
--     format         text or null    null
--     language       text or null    null
--     width          int or null     null
--     height         int or null     null
--     size           bigint or null  null
--     sha256         text or null    null
--     content_type   text or null    null
--     tags           text[] or null  null
--     add_tags       text[]          {rain}
--     remove_tags    text[]          {night}
--     tags_limit     int             100
--     metadata       jsonb or null   null
-- Returns: one: outcome, whether the new path exists, and the columns of asset/find_by_id, as they are
--          after the statement. The outcome is changed, unchanged, forbidden, precondition_failed,
--          asset_deleted, too_many_tags, path_missing, or stale: another session changed the asset, so
--          that base_revision or what "wanted" was made of no longer holds; metadata is that of
--          revision. None: there is no such asset, or the subject may not see it.
-- Index:   namespace_member_by_subject, Index Scan; asset_pkey, an Index Scan for each namespace of
--          the subject, and one for the row to change; namespace_pkey, space_pkey, episode_pkey,
--          node_pkey, episode_name_key and node_path_key, an Index Scan each
-- Why:     "given" names the columns to set; the others keep their values. Names of columns in it
--          are those of the parameters.
--          "found" is the row as it is, "wanted" as it is to be, on its path. "decided" compares them.
--          The UPDATE sets a column that is not given to its newest value, which another session may
--          have set meanwhile.
--          The service resolves the folders of a new name; without one, the asset keeps its folder.
--          If the path is missing, the service creates it and sends the statement again in the same
--          flight. There, only an error undoes a path that is not used, since the flight commits
--          without another roundtrip: another session changed the asset meanwhile, and ln(0) fails
--          with SQLSTATE 2201E, which no other statement does.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #the-empty-text-names-nothing,
--          #concurrent-changes, #created_at-as-text.

WITH found AS (
    SELECT
        namespace_member.role,
        asset.namespace_id,
        asset.space_id,
        asset.episode_id,
        asset.node_id,
        asset.asset_id,
        asset.kind,
        asset.name,
        asset.bss_id,
        asset.fps,
        asset.lens,
        asset.sample_rate,
        asset.channels,
        asset.format,
        asset.language,
        asset.width,
        asset.height,
        asset.size,
        asset.sha256,
        asset.content_type,
        asset.tags,
        asset.metadata,
        asset.created_at,
        asset.updated_at,
        asset.deleted_at,
        asset.revision,
        asset.change_id
    FROM namespace_member
    CROSS JOIN LATERAL (
        SELECT
            own.namespace_id,
            own.space_id,
            own.episode_id,
            own.node_id,
            own.asset_id,
            own.kind,
            own.name,
            own.bss_id,
            own.fps,
            own.lens,
            own.sample_rate,
            own.channels,
            own.format,
            own.language,
            own.width,
            own.height,
            own.size,
            own.sha256,
            own.content_type,
            own.tags,
            own.metadata,
            own.created_at,
            coalesce(own.updated_at, own.created_at) AS updated_at,
            own.deleted_at,
            own.revision,
            own.change_id
        FROM asset AS own
        WHERE own.namespace_id = namespace_member.namespace_id
            AND own.kind = %(kind)s::text
            AND own.asset_id BETWEEN %(asset_id)s::uuid AND %(asset_id)s::uuid
        ORDER BY own.asset_id ASC
        LIMIT 1
    ) AS asset
    WHERE namespace_member.subject = %(subject)s::text
),

wanted AS (
    SELECT
        asked.given,
        episode.episode_id,
        asked.episode AS episode_name,
        node.node_id,
        asked.folder,
        CASE WHEN 'name' = any(asked.given) THEN %(name)s::text ELSE found.name END AS name,
        CASE WHEN 'bss_id' = any(asked.given) THEN %(bss_id)s::text ELSE found.bss_id END AS bss_id,
        CASE WHEN 'fps' = any(asked.given) THEN %(fps)s::float ELSE found.fps END AS fps,
        CASE WHEN 'lens' = any(asked.given) THEN %(lens)s::text ELSE found.lens END AS lens,
        CASE
            WHEN 'sample_rate' = any(asked.given) THEN %(sample_rate)s::float
            ELSE found.sample_rate
        END AS sample_rate,
        CASE WHEN 'channels' = any(asked.given) THEN %(channels)s::int ELSE found.channels END AS channels,
        CASE WHEN 'format' = any(asked.given) THEN %(format)s::text ELSE found.format END AS format,
        CASE WHEN 'language' = any(asked.given) THEN %(language)s::text ELSE found.language END AS language,
        CASE WHEN 'width' = any(asked.given) THEN %(width)s::int ELSE found.width END AS width,
        CASE WHEN 'height' = any(asked.given) THEN %(height)s::int ELSE found.height END AS height,
        CASE WHEN 'size' = any(asked.given) THEN %(size)s::bigint ELSE found.size END AS size,
        CASE WHEN 'sha256' = any(asked.given) THEN decode(%(sha256)s::text, 'hex') ELSE found.sha256 END AS sha256,
        CASE
            WHEN 'content_type' = any(asked.given) THEN %(content_type)s::text
            ELSE found.content_type
        END AS content_type,
        CASE
            WHEN 'tags' = any(asked.given) THEN %(tags)s::text[]
            ELSE
                array(
                    SELECT kept.tag
                    FROM unnest(found.tags) WITH ORDINALITY AS kept (tag, number)
                    WHERE kept.tag <> all(%(remove_tags)s::text[])
                    ORDER BY kept.number ASC
                ) || array(
                    SELECT added.tag
                    FROM unnest(%(add_tags)s::text[]) WITH ORDINALITY AS added (tag, number)
                    WHERE added.tag <> all(found.tags)
                    ORDER BY added.number ASC
                )
        END AS tags,
        CASE
            WHEN
                'metadata' = any(asked.given)
                AND found.revision = coalesce(%(base_revision)s::int, found.revision)
                THEN %(metadata)s::jsonb
            ELSE found.metadata
        END AS metadata,
        (episode.episode_id IS NULL) = (asked.episode IS NULL)
        AND (node.node_id IS NULL) = (asked.folder IS NULL) AS path_exists,
        (asked.episode IS DISTINCT FROM old_episode.name)
        OR (asked.folder IS DISTINCT FROM old_node.path) AS has_moved
    FROM found
    LEFT JOIN episode AS old_episode
        ON old_episode.namespace_id = found.namespace_id
        AND old_episode.space_id = found.space_id
        AND old_episode.episode_id = found.episode_id
    LEFT JOIN node AS old_node
        ON old_node.namespace_id = found.namespace_id
        AND old_node.space_id = found.space_id
        AND old_node.node_id = found.node_id
    CROSS JOIN LATERAL (
        SELECT
            %(given)s::text[] AS given,
            CASE WHEN 'episode' = any(%(given)s::text[]) THEN %(episode)s::text ELSE old_episode.name END AS episode,
            CASE WHEN 'name' = any(%(given)s::text[]) THEN %(folder)s::text ELSE old_node.path END AS folder
    ) AS asked
    LEFT JOIN LATERAL (
        SELECT named.episode_id
        FROM episode AS named
        WHERE named.namespace_id = found.namespace_id
            AND named.space_id = found.space_id
            AND named.name BETWEEN coalesce(asked.episode, '') AND coalesce(asked.episode, '')
        ORDER BY named.name ASC
        LIMIT 1
    ) AS episode
        ON TRUE
    LEFT JOIN LATERAL (
        SELECT named.node_id
        FROM node AS named
        WHERE named.namespace_id = found.namespace_id
            AND named.scope_id = coalesce(episode.episode_id, found.space_id)
            AND named.path BETWEEN coalesce(asked.folder, '') AND coalesce(asked.folder, '')
        ORDER BY named.path ASC
        LIMIT 1
    ) AS node
        ON TRUE
),

decided AS (
    SELECT
        CASE
            WHEN found.role <> 'writer' THEN 'forbidden'
            WHEN found.change_id = %(change_id)s::uuid THEN 'unchanged'
            WHEN found.revision <> all(%(revisions)s::int[]) THEN 'precondition_failed'
            WHEN found.deleted_at IS NOT NULL THEN 'asset_deleted'
            WHEN cardinality(wanted.tags) > %(tags_limit)s::int THEN 'too_many_tags'
            WHEN found.revision <> %(base_revision)s::int THEN 'stale'
            WHEN NOT wanted.path_exists THEN 'path_missing'
            WHEN
                wanted.has_moved
                OR (wanted.name IS DISTINCT FROM found.name)
                OR (wanted.bss_id IS DISTINCT FROM found.bss_id)
                OR (wanted.fps IS DISTINCT FROM found.fps)
                OR (wanted.lens IS DISTINCT FROM found.lens)
                OR (wanted.sample_rate IS DISTINCT FROM found.sample_rate)
                OR (wanted.channels IS DISTINCT FROM found.channels)
                OR (wanted.format IS DISTINCT FROM found.format)
                OR (wanted.language IS DISTINCT FROM found.language)
                OR (wanted.width IS DISTINCT FROM found.width)
                OR (wanted.height IS DISTINCT FROM found.height)
                OR (wanted.size IS DISTINCT FROM found.size)
                OR (wanted.sha256 IS DISTINCT FROM found.sha256)
                OR (wanted.content_type IS DISTINCT FROM found.content_type)
                OR (wanted.tags IS DISTINCT FROM found.tags)
                OR (wanted.metadata IS DISTINCT FROM found.metadata)
                THEN 'changed'
            ELSE 'unchanged'
        END AS outcome
    FROM found
    CROSS JOIN wanted
),

changed AS (
    UPDATE asset
    SET
        episode_id = wanted.episode_id,
        node_id = wanted.node_id,
        name = CASE WHEN 'name' = any(wanted.given) THEN wanted.name ELSE asset.name END,
        bss_id = CASE WHEN 'bss_id' = any(wanted.given) THEN wanted.bss_id ELSE asset.bss_id END,
        fps = CASE WHEN 'fps' = any(wanted.given) THEN wanted.fps ELSE asset.fps END,
        lens = CASE WHEN 'lens' = any(wanted.given) THEN wanted.lens ELSE asset.lens END,
        sample_rate = CASE WHEN 'sample_rate' = any(wanted.given) THEN wanted.sample_rate ELSE asset.sample_rate END,
        channels = CASE WHEN 'channels' = any(wanted.given) THEN wanted.channels ELSE asset.channels END,
        format = CASE WHEN 'format' = any(wanted.given) THEN wanted.format ELSE asset.format END,
        language = CASE WHEN 'language' = any(wanted.given) THEN wanted.language ELSE asset.language END,
        width = CASE WHEN 'width' = any(wanted.given) THEN wanted.width ELSE asset.width END,
        height = CASE WHEN 'height' = any(wanted.given) THEN wanted.height ELSE asset.height END,
        size = CASE WHEN 'size' = any(wanted.given) THEN wanted.size ELSE asset.size END,
        sha256 = CASE WHEN 'sha256' = any(wanted.given) THEN wanted.sha256 ELSE asset.sha256 END,
        content_type = CASE
            WHEN 'content_type' = any(wanted.given) THEN wanted.content_type
            ELSE asset.content_type
        END,
        tags = CASE
            WHEN 'tags' = any(wanted.given) THEN wanted.tags
            ELSE
                array(
                    SELECT kept.tag
                    FROM unnest(asset.tags) WITH ORDINALITY AS kept (tag, number)
                    WHERE kept.tag <> all(%(remove_tags)s::text[])
                    ORDER BY kept.number ASC
                ) || array(
                    SELECT added.tag
                    FROM unnest(%(add_tags)s::text[]) WITH ORDINALITY AS added (tag, number)
                    WHERE added.tag <> all(asset.tags)
                    ORDER BY added.number ASC
                )
        END,
        metadata = CASE WHEN 'metadata' = any(wanted.given) THEN wanted.metadata ELSE asset.metadata END,
        revision = asset.revision + 1,
        updated_at = now(),
        change_id = %(change_id)s::uuid
    FROM found
    CROSS JOIN wanted
    CROSS JOIN decided
    WHERE asset.namespace_id = found.namespace_id
        AND asset.asset_id = found.asset_id
        AND NOT (asset.deleted_at IS DISTINCT FROM found.deleted_at)
        AND decided.outcome = 'changed'
        AND (
            asset.revision = found.revision
            OR (
                %(revisions)s::int[] IS NULL
                AND %(base_revision)s::int IS NULL
                AND cardinality(asset.tags) + cardinality(%(add_tags)s::text[]) <= %(tags_limit)s::int
                AND ('episode' = any(wanted.given) OR NOT (asset.episode_id IS DISTINCT FROM found.episode_id))
                AND ('name' = any(wanted.given) OR NOT (asset.node_id IS DISTINCT FROM found.node_id))
            )
        )
    RETURNING
        asset.name,
        asset.bss_id,
        asset.fps,
        asset.lens,
        asset.sample_rate,
        asset.channels,
        asset.format,
        asset.language,
        asset.width,
        asset.height,
        asset.size,
        asset.sha256,
        asset.content_type,
        asset.tags,
        asset.metadata,
        asset.revision,
        asset.updated_at
)

SELECT
    CASE
        WHEN decided.outcome = 'changed' AND changed.revision IS NULL THEN 'stale'
        ELSE decided.outcome
    END AS outcome,
    wanted.path_exists,
    found.asset_id,
    found.kind,
    namespace.slug AS namespace,
    space.slug AS project,
    found.space_id,
    wanted.episode_id,
    wanted.episode_name,
    wanted.node_id,
    wanted.folder,
    CASE WHEN changed.revision IS NULL THEN wanted.name ELSE changed.name END AS name,
    CASE WHEN changed.revision IS NULL THEN wanted.bss_id ELSE changed.bss_id END AS bss_id,
    CASE WHEN changed.revision IS NULL THEN wanted.fps ELSE changed.fps END AS fps,
    CASE WHEN changed.revision IS NULL THEN wanted.lens ELSE changed.lens END AS lens,
    CASE WHEN changed.revision IS NULL THEN wanted.sample_rate ELSE changed.sample_rate END AS sample_rate,
    CASE WHEN changed.revision IS NULL THEN wanted.channels ELSE changed.channels END AS channels,
    CASE WHEN changed.revision IS NULL THEN wanted.format ELSE changed.format END AS format,
    CASE WHEN changed.revision IS NULL THEN wanted.language ELSE changed.language END AS language,
    CASE WHEN changed.revision IS NULL THEN wanted.width ELSE changed.width END AS width,
    CASE WHEN changed.revision IS NULL THEN wanted.height ELSE changed.height END AS height,
    CASE WHEN changed.revision IS NULL THEN wanted.size ELSE changed.size END AS size,
    encode(CASE WHEN changed.revision IS NULL THEN wanted.sha256 ELSE changed.sha256 END, 'hex') AS sha256,
    CASE WHEN changed.revision IS NULL THEN wanted.content_type ELSE changed.content_type END AS content_type,
    CASE WHEN changed.revision IS NULL THEN wanted.tags ELSE changed.tags END AS tags,
    CASE WHEN changed.revision IS NULL THEN found.metadata ELSE changed.metadata END AS metadata,
    to_char(found.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(
        coalesce(changed.updated_at, found.updated_at) AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    ) AS updated_at,
    NULL AS deleted_at,
    coalesce(changed.revision, found.revision) AS revision
FROM found
CROSS JOIN wanted
CROSS JOIN decided
INNER JOIN namespace
    ON namespace.namespace_id = found.namespace_id
INNER JOIN space
    ON space.namespace_id = found.namespace_id
    AND space.space_id = found.space_id
LEFT JOIN changed
    ON TRUE
WHERE NOT %(in_flight)s::boolean
    OR ln((changed.revision IS NOT NULL)::int) = 0
