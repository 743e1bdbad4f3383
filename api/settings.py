"""Settings of the service: environment variables ``SEALEDBOOK_...``, or a TOML file named by ``SEALEDBOOK_CONFIG``.

Variables win over the file. A secret can be given as a file instead: ``SEALEDBOOK_LOG_KEY_FILE`` (``log_key_file`` in
TOML) names a file whose contents are ``log_key``. Secrets are never in a repr, a log line or an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from primitives.errors import SealedbookError
from primitives.signing import PUBLIC_KEY_BYTES

PREFIX: Final = "SEALEDBOOK_"
CONFIG_VARIABLE: Final = "SEALEDBOOK_CONFIG"
SECRETS: Final = (
    "database_url",
    "log_key",
    "publishers",
    "token_keys",
    "vault_passphrase",
    "rate_limit_storage",
)
"""Settings that can be given as files."""
_MAX_SECRET_BYTES: Final = 1 << 20


class SettingsError(SealedbookError):
    """The service cannot run with these settings."""


class Settings(BaseSettings):
    """Everything that can be set. Paths are relative to where the service was started."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    issuer_key: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * PUBLIC_KEY_BYTES}}}$")]
    """The issuer's public key; attestations of any other issuer are refused."""
    data: Path = Path("sealedbook-service")
    """The folder of this machine: staging, derived files, and database and bundles where they are not elsewhere."""
    database_url: SecretStr = SecretStr("")
    """``sqlite:///FILE`` or ``postgresql://...``; empty: ``service.sqlite`` in `data`."""
    storage: str = ""
    """Where published bundles are kept: a folder or an fsspec URL; empty: ``bundles`` in `data`."""
    read_only: bool = False
    """No routes that write, no migrations, no sweeping: for replicas."""
    migrate: bool = True
    """Bring the database up to date at start (under a lock); without it an old database is refused."""

    log_origin: Annotated[str, Field(pattern=r"^[^\s+]{1,200}$")] | None = None
    """The first line of the log's checkpoints, such as ``log.example.com/sealedbook``."""
    log_key: SecretStr | None = None
    """The log's private signing key; only a process that appends entries needs it."""
    log_witnesses: Annotated[tuple[str, ...], NoDecode] = ()
    """Verifier keys of witnesses whose cosignatures are taken."""

    publishers: SecretStr = SecretStr("")
    """Lines ``name sha256-of-the-secret``: who may publish (`sealedbook service credential` makes them)."""
    max_bundle_bytes: Annotated[int, Field(ge=1 << 20)] = 64 << 30
    """A publication that lists more is refused."""
    max_upload_bytes: Annotated[int, Field(ge=1 << 16)] = 1 << 30
    """One request brings at most this many bytes; bigger files come in several."""
    staging_hours: Annotated[float, Field(gt=0)] = 48.0
    """What was uploaded and not committed is removed after so long."""

    vault: Path | None = None
    """The vault, for processes that answer account holders. Public replicas have none."""
    vault_passphrase: SecretStr | None = None
    token_keys: SecretStr | None = None
    """Public Ed25519 keys of the backend that issues account holders' tokens: a JWKS document or PEM."""
    token_issuer: str = ""
    token_audience: str = ""
    token_lifetime_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900
    """Tokens valid for longer are refused."""
    token_leeway_seconds: Annotated[int, Field(ge=0, le=60)] = 10
    holder_rate: str = "30/minute"
    """Requests for openings of one account holder."""
    certificate_rate: str = "6/minute"
    """Requests for certificates of one account holder; each takes a second or so of computing."""
    address_rate: str = "120/minute"
    """Requests of one address to private routes, those with refused credentials included."""
    rate_limit_storage: SecretStr = SecretStr("memory://")
    """Where counts are kept (``redis://...`` for several machines); in memory, each worker counts on its own."""
    certificate_jobs: Annotated[int, Field(ge=1, le=256)] = 2
    """Certificates made at once in one worker."""

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""
    check_page: Path | None = None
    """The built check page; None: the one that was installed or built in the source tree."""
    metrics: bool = True
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @field_validator("trusted_proxies", "log_witnesses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ip_network(part, strict=False)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.vault is not None and not (self.token_keys and self.token_issuer and self.token_audience):
            raise ValueError(
                "a vault needs token_keys, token_issuer and token_audience: who may ask for openings"
            )
        return self

    @property
    def issuer_key_bytes(self) -> bytes:
        """The pinned key, 32 bytes."""
        return bytes.fromhex(self.issuer_key)

    @property
    def database_address(self) -> str:
        """The URL of the database; holds its password."""
        return (
            self.database_url.get_secret_value() or f"sqlite:///{(self.data / 'service.sqlite').absolute()}"
        )

    @property
    def storage_address(self) -> str:
        """The folder or URL of published bundles."""
        return self.storage or str((self.data / "bundles").absolute())

    @property
    def staging(self) -> Path:
        """Uploads that are not published yet."""
        return self.data / "staging"

    @property
    def derived(self) -> Path:
        """Files that were computed from published ones, and copies of remote ones; can be removed at any time."""
        return self.data / "derived"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, variables, secrets in files named by variables, the TOML file."""
        config = os.environ.get(CONFIG_VARIABLE)
        toml = (_TomlSource(settings_cls, Path(config)),) if config else ()
        return (init_settings, env_settings, _SecretFiles(settings_cls), *toml)


class _SecretFiles(PydanticBaseSettingsSource):
    """``SEALEDBOOK_<SECRET>_FILE``: the secret is what the file holds."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return {
            name: read_secret_file(Path(path), name)
            for name in SECRETS
            if (path := os.environ.get(f"{PREFIX}{name.upper()}_FILE"))
        }


class _TomlSource(TomlConfigSettingsSource):
    """The TOML file, with ``<secret>_file`` read."""

    def __call__(self) -> dict[str, Any]:
        values = dict(super().__call__())
        for name in SECRETS:
            if (path := values.pop(f"{name}_file", None)) is not None:
                values[name] = read_secret_file(Path(str(path)), name)
        return values


def read_secret_file(path: Path, name: str) -> str:
    """The contents of a file with a secret, without a final newline."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SECRET_BYTES + 1)
        if len(data) > _MAX_SECRET_BYTES:
            raise SettingsError(f"{name}: {path} has more than {_MAX_SECRET_BYTES} bytes")
        return data.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: {path} is not UTF-8") from error


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from arguments, the environment and the TOML file; `SettingsError` says which is wrong."""
    config = os.environ.get(CONFIG_VARIABLE)
    if config and not Path(config).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {config}, which is no file")
    try:
        return Settings(**dict(overrides or {}))
    except ValidationError as error:
        raise SettingsError("; ".join(_problem(each) for each in error.errors(include_input=False))) from None
    except ValueError as error:
        raise SettingsError(f"the settings cannot be read: {error}") from None


def _problem(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    return f"{name or 'settings'} ({PREFIX}{name.upper()}): {error['msg']}" if name else str(error["msg"])
