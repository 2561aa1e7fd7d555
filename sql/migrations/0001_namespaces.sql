-- What: the tenants and who may read and write in them.
-- Why:  every table below is keyed by namespace_id first. It keeps a row from pointing into another
--       tenant's rows, and it is what lets the same schema be distributed over several machines.

CREATE TABLE namespace (
    namespace_id uuid NOT NULL,
    -- COLLATE "C": compared byte by byte, so that an index serves equality and order alike,
    -- whatever the locale of the database is.
    slug text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT namespace_pkey PRIMARY KEY (namespace_id),
    CONSTRAINT namespace_slug_key UNIQUE (slug),
    CONSTRAINT namespace_slug_is_a_slug CHECK (slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
);

COMMENT ON TABLE namespace IS 'A tenant: a user or an organisation.';
COMMENT ON COLUMN namespace.slug IS 'The name of the tenant in requests; case-sensitive.';
COMMENT ON CONSTRAINT namespace_pkey ON namespace IS 'Serves namespace/list_by_subject and foreign keys.';
COMMENT ON CONSTRAINT namespace_slug_key ON namespace IS 'Serves every statement: they all begin at the slug.';

CREATE TABLE namespace_member (
    namespace_id uuid NOT NULL,
    subject text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT namespace_member_pkey PRIMARY KEY (namespace_id, subject),
    CONSTRAINT namespace_member_namespace_fkey FOREIGN KEY (namespace_id)
    REFERENCES namespace (namespace_id) ON DELETE CASCADE,
    CONSTRAINT namespace_member_role_is_known CHECK (role IN ('reader', 'writer'))
);

COMMENT ON TABLE namespace_member IS 'Who may do what in a namespace.';
COMMENT ON COLUMN namespace_member.subject IS 'The claim "sub" of the tokens of this member.';
COMMENT ON COLUMN namespace_member.role IS 'reader: may list and download; writer: may register as well.';
-- Most subjects are members of one namespace, so the planner would rather begin at the subject than
-- at the slug; a subject that is a member of thousands would have each of them read. Five on average
-- keeps every statement beginning at the slug, which is one row.
ALTER TABLE namespace_member ALTER COLUMN subject SET (n_distinct = -0.2);

COMMENT ON CONSTRAINT namespace_member_pkey ON namespace_member IS
'Serves every statement: membership is looked up inside the request''s own statement.';

CREATE INDEX namespace_member_by_subject ON namespace_member (subject);

COMMENT ON INDEX namespace_member_by_subject IS 'Serves namespace/list_by_subject.';
