"""Settings: read from the environment, checked, masked."""

import os
import stat

import pytest

from trivium.service.errors import InputError
from trivium.service.settings import Settings, load_settings, origins


def test_defaults_are_local(settings, tmp_path):
    assert (settings.host, settings.port) == ("127.0.0.1", 7860)
    assert settings.database == f"sqlite:///{tmp_path}/home/trivium.db"
    assert settings.max_upload_bytes == 1024 * 1024 * 1024


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TRIVIUM_PORT", "port", "TRIVIUM_PORT: input should be a valid integer"),
        ("TRIVIUM_PORT", "70000", "TRIVIUM_PORT: input should be less than or equal to 65535"),
        ("TRIVIUM_HOST", "everywhere", "TRIVIUM_HOST: 'everywhere' is no IP address; use 127.0.0.1, or 0.0.0.0"),
        ("TRIVIUM_SESSION_IDLE_MINUTES", "admin=5", "TRIVIUM_SESSION_IDLE_MINUTES: 'admin=5' is not minutes for"),
        ("TRIVIUM_SESSION_IDLE_MINUTES", "60,admin=0", "TRIVIUM_SESSION_IDLE_MINUTES: '60,admin=0' is not minutes for"),
        ("TRIVIUM_OIDC_ISSUER", "http://idp.example", "TRIVIUM_OIDC_ISSUER: 'http://idp.example' is not an https"),
        ("TRIVIUM_OIDC_ROLES", "it", "TRIVIUM_OIDC_ROLES: 'it' is not GROUP=ROLE; write radiology=medical:radiologist"),
        ("TRIVIUM_DATABASE_URL", "not a url", "TRIVIUM_DATABASE_URL: not a database URL such as postgresql"),
        ("TRIVIUM_LOG_LEVEL", "LOUD", "TRIVIUM_LOG_LEVEL: input should be 'DEBUG'"),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert caught.value.line.startswith(message)


def test_lists_in_settings_are_read(monkeypatch, settings):
    monkeypatch.setenv("TRIVIUM_SESSION_IDLE_MINUTES", "480, admin=30,finance:analyst=60")
    monkeypatch.setenv("TRIVIUM_OIDC_ROLES", "cn=it,ou=x=admin; desk=finance:analyst;desk=admin")
    assert Settings().idle_minutes == (480, {"admin": 30, "finance:analyst": 60})
    assert Settings().roles_by_group == {"cn=it,ou=x": ("admin",), "desk": ("finance:analyst", "admin")}


@pytest.mark.parametrize(
    ("host", "is_loopback"), [("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_loopback_is_told_from_the_rest(monkeypatch, settings, host, is_loopback):
    monkeypatch.setenv("TRIVIUM_HOST", host)
    assert Settings().is_loopback is is_loopback


def test_origins_say_where_a_value_came_from_and_hide_secrets(monkeypatch, settings):
    monkeypatch.setenv("TRIVIUM_DATABASE_URL", "postgresql+psycopg://ann:tea-pot@db.example/trivium?sslpassword=cup")
    monkeypatch.setenv("TRIVIUM_REDIS_URL", "redis://:kettle@broker.example:6379/0")
    monkeypatch.setenv("TRIVIUM_OIDC_CLIENT_SECRET", "saucer")
    shown = {origin.variable: origin for origin in origins(Settings())}
    assert shown["TRIVIUM_DATABASE_URL"].value == "postgresql+psycopg://ann:***@db.example/trivium"
    assert shown["TRIVIUM_REDIS_URL"].value == "redis://:***@broker.example:6379/0"
    assert shown["TRIVIUM_REDIS_URL"].origin == "environment"
    assert (shown["TRIVIUM_PORT"].value, shown["TRIVIUM_PORT"].origin) == ("7860", "default")
    assert shown["TRIVIUM_OIDC_CLIENT_SECRET"].value == "***"
    assert "tea-pot" not in repr(Settings())


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_home_is_for_this_user_alone(settings):
    home = settings.prepare_home()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(InputError, match=r"cannot be used as the home folder .*; set TRIVIUM_HOME to a folder you own"):
        Settings().prepare_home()
