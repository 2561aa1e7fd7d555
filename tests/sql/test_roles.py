"""sql/roles.sql: the service may read and write rows, and nothing else.

tests/api runs the service as this role, which shows that the role may do all it has to.
"""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from dreamlake_assets.database.connection import _SESSION, connect
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import add_namespace, settings_of
from tests.support.api import TABLES, serving
from tests.support.postgres import Server
from tests.support.roles import OWNER, SERVICE, as_role, make


@pytest.fixture(scope="module")
def url(server: Server, template: str) -> Iterator[str]:
    with server.database(template=template) as url:
        make(url)  # what is granted on a database is not copied with it
        yield url


@pytest.fixture
def service(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(as_role(SERVICE, url), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", [*TABLES, "schema_migration"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} ADD COLUMN extra text",
        "CREATE RULE mine AS ON INSERT TO {} DO INSTEAD NOTHING",
        "DROP TABLE {}",
    ],
)
def test_nothing_else_can_be_done_to_a_table(
    service: psycopg.Connection, statement: str, table: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.format(table).encode())


def test_an_asset_keeps_its_project_its_kind_and_its_key(service: psycopg.Connection) -> None:
    rows = service.execute(
        "SELECT attname, has_column_privilege(attrelid, attnum, 'UPDATE') FROM pg_attribute"
        " WHERE attrelid = 'asset'::regclass AND attnum > 0"
    ).fetchall()
    assert {column for column, is_changed in rows if is_changed} == {
        *("asset_id", "episode_id", "node_id", "name", "bss_id", "tags", "metadata"),
        *(column for kind in KINDS.values() for column in kind.own_fields),
        *("revision", "updated_at", "deleted_at", "change_id"),
    }
    assert {column for column, is_changed in rows if not is_changed} == {
        *("namespace_id", "space_id", "kind", "created_at", "idempotency_key", "request_digest")
    }


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO namespace (namespace_id, slug) VALUES (gen_random_uuid(), 'mine')",
        "INSERT INTO namespace_member SELECT namespace_id, 'me', 'writer' FROM namespace",
        "INSERT INTO schema_migration VALUES (9999, '9999_mine', 'x')",
        "UPDATE namespace SET slug = 'mine'",
        "UPDATE namespace_member SET role = 'writer'",
        "UPDATE space SET slug = 'mine'",
        "UPDATE episode SET name = 'mine'",
        "UPDATE node SET path = '/mine'",
        "UPDATE asset SET kind = 'image'",
        "UPDATE schema_migration SET checksum = 'mine'",
        "CREATE INDEX ON asset (bss_id)",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY asset TO PROGRAM 'cat'",
        "SET ROLE dreamlake_owner",
    ],
)
def test_nothing_else_can_be_done(service: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.encode())


def test_the_settings_of_the_role_are_those_of_the_services_sessions(
    url: str, service: psycopg.Connection
) -> None:
    """PgBouncer does not pass startup options on."""
    names = [*_SESSION, "statement_timeout"]

    def settings(connection: psycopg.Connection) -> dict[str, str]:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]
        )
        return dict(rows.fetchall())

    with psycopg.connect(url) as superuser, serving(settings_of(url)) as app:
        own = app.extensions["dreamlake_assets"].database.run(settings)
        assert own != settings(superuser)
        assert settings(service) == own


def test_on_a_cluster_the_role_plans_with_parameters(server: Server, template: str) -> None:
    """The settings of the role also apply to the workers' sessions."""
    try:
        with server.database(template=template) as url:
            with psycopg.connect(url, autocommit=True) as superuser:
                superuser.execute("SET allow_system_table_mods = on")
                superuser.execute("CREATE TABLE pg_catalog.pg_dist_partition ()")
            make(url)
            with psycopg.connect(as_role(SERVICE, url)) as service:
                shown = service.execute("SHOW plan_cache_mode").fetchone()
            assert shown == ("force_custom_plan",)
    finally:  # a role is one for all databases of a server
        with server.database(template=template) as url:
            make(url)


def test_the_owner_migrates_and_administers(server: Server) -> None:
    with server.database() as url:
        migrate(url)
        make(url)
        owner = as_role(OWNER, url)
        with connect(owner) as connection:
            connection.execute("DELETE FROM schema_migration WHERE name ~ '_published_views$'")
            connection.execute("DROP VIEW video, audio, label_track, text_track, image")
            add_namespace(connection)
        assert migrate(owner) == ["0004_published_views"]


def test_what_a_later_migration_makes_can_be_read_and_written_to(server: Server) -> None:
    with server.database() as url:
        migrate(url)
        make(url)
        with connect(as_role(OWNER, url)) as connection:
            connection.execute("CREATE TABLE later (id int)")
        with connect(as_role(SERVICE, url)) as connection:
            connection.execute("INSERT INTO later VALUES (1)")
            assert connection.execute("SELECT id FROM later").fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM later")


def test_a_second_run_changes_nothing(server: Server, template: str) -> None:
    def privileges(url: str) -> list[tuple[object, ...]]:
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT relname, relowner::regrole, relacl FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
            ).fetchall()

    with server.database(template=template) as url:
        before = privileges(url)
        for in_one_transaction in (True, False):
            make(url, in_one_transaction=in_one_transaction)
            assert privileges(url) == before
        assert {str(owner) for _, owner, _ in before} == {OWNER}


def test_a_dba_who_is_no_superuser_can_run_it(server: Server) -> None:
    with server.database() as url, psycopg.connect(url, autocommit=True) as superuser:
        database = sql.Identifier(superuser.info.dbname)
        superuser.execute("CREATE ROLE dba LOGIN CREATEROLE")
        superuser.execute("GRANT dreamlake_owner, dreamlake_service TO dba WITH ADMIN OPTION")
        try:
            superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO dba").format(database))
            dba = as_role("dba", url)
            migrate(dba)
            make(dba)
            with connect(as_role(SERVICE, url)) as connection:
                assert connection.execute("SELECT count(*) FROM asset").fetchone() == (0,)
        finally:
            superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(database))
            superuser.execute("DROP OWNED BY dba")
            superuser.execute("DROP ROLE dba")
