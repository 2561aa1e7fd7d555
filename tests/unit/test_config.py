"""Reading the settings, and the one-line error for a bad one."""

import re
from pathlib import Path
from typing import Any

import pytest

from dreamlake_assets import config
from dreamlake_assets.config import DEBUG_SECRET, Settings, SettingsError, TokenSettings
from dreamlake_assets.services import read_settings
from tests.support.tokens import EC_KEY, RSA_KEY, pem

ROOT = Path(__file__).parents[2]
SECRET = "x" * 32
PEM = pem(RSA_KEY).strip()
SHORT_PEM = """\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC3TS/x5qaK4GrTiJjVN6KDFqGi
LLExPipfRg+jX1Jy8gGZRTTG9qhzRYfwSDl8rQGoU2SmsWdyuQ/CmWI0NWxGajSH
HvHUls1Id3gY8Db5iXEZ59xh6PwDTbF506G7/yfd9ZlT55pGDqQQ4bcIadJO5fHE
tNfxBqQ5yRXjl+yTfQIDAQAB
-----END PUBLIC KEY-----"""
PASSWORD = "the-password"
URL = f"postgresql://service:{PASSWORD}@db.example:5432/dreamlake"

LEAST = {"DATABASE_URL": URL, "DREAMLAKE_JWT_SECRET": SECRET}


def test_two_settings_are_enough() -> None:
    assert read_settings(LEAST) == Settings(
        database_url=URL,
        tokens=TokenSettings(secret=SECRET, algorithms=("HS256",)),
        bss_url="http://127.0.0.1:10234",
        bss_token=None,
        bss_timeout=5.0,
        port=10334,
        threads=8,
        cursor_secret=SECRET,
    )


def test_every_setting_is_read() -> None:
    environ = {
        "DATABASE_URL": URL,
        "DREAMLAKE_CITUS": "on",
        "DREAMLAKE_PREPARED_STATEMENTS": "off",
        "DREAMLAKE_BSS_URL": "https://bss.example/base/",
        "DREAMLAKE_BSS_TOKEN": "token",
        "DREAMLAKE_BSS_TIMEOUT": "2.5",
        "DREAMLAKE_JWT_PUBLIC_KEY": PEM.replace("\n", "\\n"),
        "DREAMLAKE_JWT_ALGORITHMS": "RS256, PS256",
        "DREAMLAKE_JWT_AUDIENCE": "assets",
        "DREAMLAKE_JWT_ISSUER": "https://issuer.example",
        "DREAMLAKE_THREADS": "16",
        "DREAMLAKE_CORS_ORIGINS": "https://app.example.org, http://localhost:3000,http://[::1]:8080",
        "DREAMLAKE_CORS_HEADERS": "sentry-trace, X-Team,x_a.b!",
        "DREAMLAKE_CURSOR_SECRET": "cursors",
        "PORT": "8080",
        "WEB_CONCURRENCY": "3",
    }

    assert read_settings(environ) == Settings(
        database_url=URL,
        prepared_statements=False,
        on_cluster=True,
        tokens=TokenSettings(
            public_key=PEM,
            algorithms=("RS256", "PS256"),
            audience="assets",
            issuer="https://issuer.example",
        ),
        bss_url="https://bss.example/base",
        bss_token="token",
        bss_timeout=2.5,
        port=8080,
        workers=3,
        threads=16,
        cors_origins=("https://app.example.org", "http://localhost:3000", "http://[::1]:8080"),
        cors_headers=("sentry-trace", "X-Team", "x_a.b!"),
        cursor_secret="cursors",
    )


def test_an_empty_setting_is_not_given() -> None:
    empty = dict.fromkeys(
        [
            "DREAMLAKE_BSS_URL",
            "DREAMLAKE_BSS_TOKEN",
            "DREAMLAKE_BSS_TIMEOUT",
            "DREAMLAKE_JWT_SECRET_PREVIOUS",
            "DREAMLAKE_JWT_PUBLIC_KEY",
            "DREAMLAKE_JWT_JWKS_URL",
            "DREAMLAKE_JWT_ALGORITHMS",
            "DREAMLAKE_JWT_AUDIENCE",
            "DREAMLAKE_JWT_ISSUER",
            "DREAMLAKE_THREADS",
            "DREAMLAKE_CORS_ORIGINS",
            "DREAMLAKE_CORS_HEADERS",
            "DREAMLAKE_CURSOR_SECRET",
            "PORT",
        ],
        " ",
    )

    assert read_settings({**LEAST, **empty}) == read_settings(LEAST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres//me:the-password@host/db"),
        ("DATABASE_URL", "postgresql://me:the-password%zz@host/db"),
        ("DATABASE_URL", "postgresql://me:the-password@[host/db"),
        ("DATABASE_URL", 'postgresql://me:"the-password"%@host/db'),
        ("DATABASE_URL", "postgresql://me:the-password"),
        ("DATABASE_URL", "postgresql://me@host:the-password/db"),
        ("DATABASE_URL", "postgresql://me:a@the-password@host/db"),
        ("DATABASE_URL", "postgresql://me:1/the-password@host/db"),
        ("DATABASE_URL", "postgres://me:a?b@the-password/c@host/db"),
        ("DATABASE_URL", "postgresql://me:the-password\n%zz@host/db"),
        ("DATABASE_URL", "postgresql://me:%zz\u2028the-password@host/db"),
        ("DATABASE_READ_URL", "postgresql://me:a@the-password@host/db"),
        ("DREAMLAKE_BSS_TOKEN", "the-password\nthe-password"),
        ("DREAMLAKE_JWT_ALGORITHMS", "the-password"),
        ("DREAMLAKE_BSS_URL", "https://me:the-password@bss.example"),
        ("DREAMLAKE_BSS_URL", "ftp://me:the-password@bss.example"),
        ("DREAMLAKE_BSS_URL", "https://me:the-password"),
        ("DREAMLAKE_BSS_URL", "https://bss.example?token=the-password"),
        ("DREAMLAKE_BSS_URL", "https://bss.example/base#the-password"),
    ],
)
def test_what_is_bad_is_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({**LEAST, name: value})

    assert str(caught.value).startswith(name)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("missing", LEAST)
@pytest.mark.parametrize("nothing", [{}, {"": ""}], ids=["left out", "empty"])
def test_what_is_missing_is_named(missing: str, nothing: dict[str, str]) -> None:
    environ = {name: value for name, value in LEAST.items() if name != missing}
    environ |= {missing: ""} if nothing else {}

    refused(environ, missing)


BAD: list[tuple[str, str]] = [
    ("DATABASE_URL", "x"),
    ("DATABASE_URL", "postgresql://host:1/db?nonsense=1"),
    ("DATABASE_URL", "mysql://host/db"),
    ("DATABASE_URL", "postgresql://host:port/db"),
    ("DATABASE_URL", "postgresql://host:65536/db"),
    ("DATABASE_URL", "postgresql://host:1,other:port/db"),
    ("DATABASE_URL", "postgresql://host/db?sslmode=requir"),
    ("DATABASE_URL", "postgresql://host/db?target_session_attrs=write"),
    ("DATABASE_READ_URL", "postgresql://host:port/db"),
    *(("DREAMLAKE_PREPARED_STATEMENTS", value) for value in ("x", "On", "0")),
    *(("DREAMLAKE_CITUS", value) for value in ("x", "On", "1")),
    *(
        (name, value)
        for name in ("DREAMLAKE_BSS_URL", "DREAMLAKE_JWT_JWKS_URL")
        for value in ("x", "ftp://host", "http://", "host:80", "http://[", "http://host:port")
    ),
    *(
        ("DREAMLAKE_BSS_TIMEOUT", value)
        for value in ("x", "0", "-1", "nan", "inf", "61", "1e999", "5s")
    ),
    *(("PORT", value) for value in ("x", "0", "-1", "65536", "80.5", "nan", "1e999")),
    *(("DREAMLAKE_THREADS", value) for value in ("x", "0", "257", "1.5")),
    *(
        ("DREAMLAKE_CORS_ORIGINS", value)
        for value in (
            *("*", "null", "app.example.org", "ftp://app.example.org", "https://", "https://*.org"),
            *("https://app.example.org/", "https://App.example.org", "https://me@app.example.org"),
            *("https://app.example.org:443", "http://localhost:80", "http://localhost:0", "a,,b"),
            *("https://app.example.org,", "https://a.example https://b.example"),
        )
    ),
    *(
        ("DREAMLAKE_CORS_HEADERS", value)
        for value in ("*", "a,,b", "a,", "a b", "a:b", "é", "a\r\nb", "a;b", '"a"', "X-*")
    ),
    *(("DREAMLAKE_BSS_TOKEN", value) for value in ("a b", "a\r\nb", "é", "€", "a\0b")),
    ("DREAMLAKE_JWT_SECRET", "x" * 31),
    ("DREAMLAKE_JWT_SECRET", DEBUG_SECRET),
    ("DREAMLAKE_JWT_SECRET", PEM),
    ("DREAMLAKE_JWT_SECRET_PREVIOUS", "x" * 31),
    ("DREAMLAKE_JWT_SECRET_PREVIOUS", DEBUG_SECRET),
    ("DREAMLAKE_JWT_PUBLIC_KEY", "x"),
    ("DREAMLAKE_JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
    ("DREAMLAKE_JWT_PUBLIC_KEY", SHORT_PEM),
    ("DREAMLAKE_JWT_PUBLIC_KEY", pem(EC_KEY)),
    ("DREAMLAKE_JWT_PUBLIC_KEY", PEM.replace("PUBLIC", "PRIVATE")),
    ("DREAMLAKE_JWT_ALGORITHMS", "none"),
    ("DREAMLAKE_JWT_ALGORITHMS", "RS256"),
    ("DREAMLAKE_JWT_ALGORITHMS", "HS256,RS256"),
    ("DREAMLAKE_JWT_ALGORITHMS", "HS256,"),
    ("DREAMLAKE_JWT_ALGORITHMS", "hs256"),
    # Bytes of an environment that are not UTF-8, as Python decodes them.
    ("DREAMLAKE_JWT_SECRET", SECRET + "\udcff"),
    ("DREAMLAKE_JWT_AUDIENCE", "\udcff"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_bad_is_named(name: str, value: str) -> None:
    environ = {**LEAST, name: value}
    if name in ("DREAMLAKE_JWT_PUBLIC_KEY", "DREAMLAKE_JWT_JWKS_URL"):
        del environ["DREAMLAKE_JWT_SECRET"]

    refused(environ, name)


KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "does not name a file of certificates in PEM"),
        ("nonsense", "does not name a file of certificates in PEM"),
        (KEY, "does not name a file of certificates in PEM"),
        (BROKEN, "does not name a file of certificates in PEM"),
    ],
    ids=["missing", "empty", "nonsense", "key", "broken"],
)
def test_a_file_without_certificates_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, message: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_settings({**LEAST, "DREAMLAKE_CA_FILE": str(file)})
    assert str(caught.value) == f"DREAMLAKE_CA_FILE {message}"

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    # Other programs use the variable, too, so it is checked only with an https URL.
    read_settings(LEAST)
    with pytest.raises(SettingsError) as caught:
        read_settings({**LEAST, "DREAMLAKE_BSS_URL": "https://bss.example"})
    assert str(caught.value) == f"REQUESTS_CA_BUNDLE {message}"


def test_a_directory_is_no_file_of_certificates(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^DREAMLAKE_CA_FILE [^\n]+$"):
        read_settings({**LEAST, "DREAMLAKE_CA_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///dreamlake",
        "postgres://me@[::1]:5432/dreamlake",
        "postgresql://a:1,b:2/dreamlake?target_session_attrs=read-write&sslmode=verify-full",
        "postgresql://%2Frun%2Fpostgresql/dreamlake",
        "host=/run/postgresql dbname=dreamlake",
        "hostaddr=192.0.2.1 port=1 dbname=dreamlake",
        "postgresql://me:%40a%2Fb@host/dreamlake%40home",
        "postgresql://me:a?b@host/dreamlake",
        "postgresql://host/dreamlake?user=me&password=a@b",
        "host=host user=me password=postgresql://a@b@c",
    ],
)
def test_a_good_database_url_is_taken_without_asking_the_database(url: str) -> None:
    assert read_settings({**LEAST, "DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("DREAMLAKE_TREADS", "DREAMLAKE_THREADS"),
        ("DREAMLAKE_JWT_AUDIENCES", "DREAMLAKE_JWT_AUDIENCE"),
        ("DREAMLAKE_BSS_URI", "DREAMLAKE_BSS_URL"),
        ("DREAMLAKE_METRIC_TOKEN", "DREAMLAKE_METRICS_TOKEN"),
    ],
)
def test_a_mistyped_setting_is_named(mistyped: str, meant: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"^{mistyped} is not a setting; did you mean {meant}\?$"
    ):
        read_settings({**LEAST, mistyped: "x"})


def test_settings_of_others_are_left_alone() -> None:
    others = {"DREAMLAKE_API_KEY": "x", "DREAMLAKE_REMOTE": "x", "WEB_CONCURENCY": "x"}

    assert read_settings({**LEAST, **others}) == read_settings(LEAST)


def test_every_setting_that_the_code_reads_is_in_the_table() -> None:
    sources = [*(ROOT / "dreamlake_assets").rglob("*.py"), ROOT / "gunicorn.conf.py"]
    read = {
        name
        for source in sources
        # The examples run where clients do.
        if "examples" not in source.parts
        for name in re.findall(r'"(DREAMLAKE_[A-Z_]+[A-Z])"', source.read_text("utf-8"))
    }

    assert set(config._NAMES) == read


def test_the_document_of_operators_shows_the_table() -> None:
    document = (ROOT / "deploy" / "README.md").read_text("utf-8")
    section = document.partition("## Settings\n")[2].partition("\n#")[0]
    shown = re.findall(r"^\| `([A-Z_]+)` \| (.*) \| (.*) \|$", section, re.MULTILINE)

    table = [(row.name, row.shown, row.help) for row in config.SETTINGS.values()]
    assert sorted(shown) == sorted(table)


@pytest.mark.parametrize("value", ["x", "0", "1025", "1.5", "nan"])
def test_a_bad_number_of_processes_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^WEB_CONCURRENCY must be [^\n]+$"):
        config.read("workers", {"WEB_CONCURRENCY": value})


@pytest.mark.parametrize("symmetric", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_secret(symmetric: str) -> None:
    environ = {
        "DATABASE_URL": URL,
        "DREAMLAKE_JWT_PUBLIC_KEY": PEM,
        "DREAMLAKE_JWT_ALGORITHMS": f"RS256,{symmetric}",
    }

    refused(environ, "DREAMLAKE_JWT_ALGORITHMS")


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_its_algorithm_asks(algorithm: str, least: int) -> None:
    environ = {**LEAST, "DREAMLAKE_JWT_ALGORITHMS": algorithm}

    refused({**environ, "DREAMLAKE_JWT_SECRET": "x" * (least - 1)}, "DREAMLAKE_JWT_SECRET")
    settings = read_settings({**environ, "DREAMLAKE_JWT_SECRET": "x" * least})
    assert settings.tokens.algorithms == (algorithm,)


def test_a_secret_can_be_changed() -> None:
    new = "y" * 32
    changed = {**LEAST, "DREAMLAKE_JWT_SECRET": new, "DREAMLAKE_JWT_SECRET_PREVIOUS": SECRET}

    settings = read_settings(changed)
    assert settings.tokens == TokenSettings(secret=new, previous_secret=SECRET)
    assert (settings.cursor_secret, settings.previous_cursor_secret) == (new, SECRET)

    settings = read_settings({**changed, "DREAMLAKE_CURSOR_SECRET": "cursors"})
    assert (settings.cursor_secret, settings.previous_cursor_secret) == ("cursors", None)


def test_a_previous_secret_goes_with_a_secret() -> None:
    environ = {
        "DATABASE_URL": URL,
        "DREAMLAKE_JWT_PUBLIC_KEY": PEM,
        "DREAMLAKE_JWT_SECRET_PREVIOUS": SECRET,
    }

    refused(environ, "DREAMLAKE_JWT_SECRET_PREVIOUS")


def test_there_is_one_key() -> None:
    refused({**LEAST, "DREAMLAKE_JWT_PUBLIC_KEY": PEM}, "DREAMLAKE_JWT_SECRET")
    refused({**LEAST, "DREAMLAKE_JWT_JWKS_URL": "https://x.example"}, "DREAMLAKE_JWT_SECRET")


def test_only_the_local_stack_accepts_the_debug_secret() -> None:
    environ = {**LEAST, "DREAMLAKE_JWT_SECRET": DEBUG_SECRET}

    for value in ("0", "true", "yes", "", " 1"):
        refused({**environ, "DREAMLAKE_LOCAL_STACK": value}, "DREAMLAKE_JWT_SECRET")
    settings = read_settings({**environ, "DREAMLAKE_LOCAL_STACK": "1"})
    assert settings.tokens.secret == DEBUG_SECRET


def test_the_message_of_a_bad_database_url_keeps_the_password() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({**LEAST, "DATABASE_URL": f"{URL}?nonsense=1"})

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("token", ["guessed", "x" * 15, "sixteen or more, with spaces", "é" * 16])
def test_a_token_of_metrics_that_is_short_or_fits_into_no_header_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="DREAMLAKE_METRICS_TOKEN must") as caught:
        read_settings({**LEAST, "DREAMLAKE_METRICS_TOKEN": token})

    assert token not in str(caught.value)


def test_no_secret_is_shown() -> None:
    environ = {
        **LEAST,
        "DREAMLAKE_JWT_SECRET": "the-secret-of-tokens-in-enough-bytes",
        "DREAMLAKE_JWT_SECRET_PREVIOUS": "the-secret-of-yesterday-in-enough-bytes",
        "DREAMLAKE_BSS_TOKEN": "the-token-of-bss",
        "DREAMLAKE_CURSOR_SECRET": "the-secret-of-cursors",
        "DREAMLAKE_METRICS_TOKEN": "the-token-of-metrics",
    }

    shown = repr(read_settings(environ))

    assert "bss_url" in shown
    for secret in ("the-secret-of", "the-token-of", PASSWORD):
        assert secret not in shown


def refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    for setting in ("DREAMLAKE_JWT_SECRET", "DREAMLAKE_JWT_SECRET_PREVIOUS"):
        shown: Any = environ.get(setting)
        assert not shown or shown not in message


@pytest.mark.parametrize("value", ["xml", "JSON", "1"])
def test_a_bad_form_of_logs_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^DREAMLAKE_LOG_FORMAT must be [^\n]+$"):
        config.read("log_format", {"DREAMLAKE_LOG_FORMAT": value})


@pytest.mark.parametrize("value", ["INFO", "all", "10"])
def test_a_bad_level_of_logs_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^DREAMLAKE_LOG_LEVEL must be [^\n]+$"):
        config.read("log_level", {"DREAMLAKE_LOG_LEVEL": value})


def test_logs_have_defaults() -> None:
    assert config.read("log_format", {}) is None
    assert config.read("log_level", {}) == "info"
