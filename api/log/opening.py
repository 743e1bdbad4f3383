"""The log of a service, from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.log.errors import LogSettingsError
from api.log.transparency_log import TransparencyLog
from primitives.errors import DecodingError
from primitives.signed_note import KeyType, NoteSigner, VerifierKey

if TYPE_CHECKING:
    from api.settings import Settings

ANCHOR_NAME: Final = "log-anchor"


def open_log(settings: Settings) -> TransparencyLog:
    """The log that `settings` describe; `LogSettingsError` says what does not fit together.

    Without a key the log can be read from the database, and nothing can be appended.
    """
    try:
        signer = NoteSigner.parse(settings.log_key.get_secret_value().strip()) if settings.log_key else None
        witnesses = tuple(VerifierKey.parse(text) for text in settings.log_witnesses)
    except DecodingError as error:
        raise LogSettingsError(f"a key of the log cannot be used: {error}") from error
    if signer is not None and signer.verifier_key.type is not KeyType.ED25519:
        raise LogSettingsError("log_key is a witness's key; make one with `sealedbook log-key new`")
    origin = settings.log_origin or (signer.verifier_key.name if signer else None)
    if origin is None:
        raise LogSettingsError("neither log_origin nor log_key is set: there is no log to serve")
    anchor = settings.data / ANCHOR_NAME if signer is not None else None
    return TransparencyLog(origin, signer, witnesses=witnesses, anchor=anchor)
