"""The demonstration's own service: its keys and settings, and a process that runs while it is needed.

<out>/service/service.toml        settings; `sealedbook serve --config` takes them
<out>/service/log.key log.key.pub what signs the log's checkpoints, and what everybody checks them with
<out>/service/token.key .pub      of the exchange's backend, which knows who is signed in
<out>/service/publisher           the credential of the one who publishes
<out>/service/data/               database, bundles, what is computed from them
<out>/service/service.log         what the process says
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from primitives.errors import SealedbookError
from primitives.signed_note import KeyType, NoteSigner, VerifierKey
from prover.secret_file import write_private
from sealedbook.demo.errors import DemoFailedError
from sealedbook.service_client import Pace, ServiceClient
from verifier.transparency import LogPolicy

LOG_NAME: Final = "log.example.com/demo"
TOKEN_ISSUER: Final = "https://login.example.com"
TOKEN_AUDIENCE: Final = "sealedbook-demo"
HOST: Final = "127.0.0.1"
_READY_PATH: Final = "/v1/health/ready"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 25.0
_PAUSE_SECONDS: Final = 0.1
_MAX_ANSWER: Final = 1 << 16


class DemoService:
    """Files of a service in one folder, and how to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "service.toml"
        self.log_key = folder / "log.key"
        self.log_public_key = folder / "log.key.pub"
        self.token_key = folder / "token.key"
        self.token_public_key = folder / "token.key.pub"
        self.credential = folder / "publisher"
        self.log = folder / "service.log"

    def prepare(self, issuer_key: bytes, vault: Path) -> None:
        """New keys, and settings that name them."""
        from api.credentials import create_credential
        from api.tokens import create_token_key

        self.folder.mkdir(mode=0o700)
        signer = NoteSigner.generate(LOG_NAME, KeyType.ED25519)
        write_private(self.log_key, signer.to_secret_text().encode() + b"\n")
        self.log_public_key.write_text(signer.verifier_key.to_text() + "\n", encoding="utf-8")
        private, public = create_token_key()
        write_private(self.token_key, private)
        self.token_public_key.write_bytes(public)
        secret, line = create_credential("demo")
        write_private(self.credential, secret.encode() + b"\n")
        values = {
            "issuer_key": issuer_key.hex(),
            "data": str((self.folder / "data").absolute()),
            "log_key_file": str(self.log_key.absolute()),
            "publishers": line,
            "vault": str(vault.absolute()),
            "token_keys_file": str(self.token_public_key.absolute()),
            "token_issuer": TOKEN_ISSUER,
            "token_audience": TOKEN_AUDIENCE,
        }
        lines = [f"{name} = {_toml_text(text)}\n" for name, text in values.items()]
        write_private(self.settings, "".join(lines).encode())

    @property
    def policy(self) -> LogPolicy:
        """What is demanded of the log's checkpoints: its signature."""
        return LogPolicy(VerifierKey.parse(self.log_public_key.read_text(encoding="utf-8").strip()))

    def token(self, account: str) -> str:
        """What the exchange's backend gives a signed-in holder."""
        from api.tokens import OPENING_SCOPE, issue_token

        return issue_token(
            self.token_key.read_bytes(),
            issuer=TOKEN_ISSUER,
            audience=TOKEN_AUDIENCE,
            account=account,
            scopes=[OPENING_SCOPE],
            lifetime=300,
        )

    @contextmanager
    def running(self, backend: str, *, killed: bool = False) -> Iterator[str]:
        """The service's address, while it runs; it has stopped afterwards, whatever happened.

        With `killed` it is killed in the end, in the midst of whatever it does. Raises `DemoFailedError` where it
        does not come up.
        """
        port = _free_port()
        url = f"http://{HOST}:{port}"
        command = [sys.executable, "-m", "sealedbook", "serve", "--config", str(self.settings)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--host", HOST, "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SEALEDBOOK_BACKEND": backend},
            )
        try:
            self._wait(process, url)
            yield url
        finally:
            if killed:
                process.kill()
            _stop(process)

    def _wait(self, process: subprocess.Popen[bytes], url: str) -> None:
        limit = time.monotonic() + _START_SECONDS
        with ServiceClient(url, pace=Pace(timeout=5.0, deadline=5.0, attempts=1)) as client:
            while True:
                try:
                    client.get(_READY_PATH, maximum=_MAX_ANSWER)
                except SealedbookError as error:
                    if process.poll() is not None:
                        raise DemoFailedError(f"the service ended at once; see {self.log}") from error
                    if time.monotonic() > limit:
                        raise DemoFailedError(f"the service does not answer; see {self.log}") from error
                    time.sleep(_PAUSE_SECONDS)
                else:
                    return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _toml_text(text: str) -> str:
    """A basic string of TOML: what JSON escapes, TOML reads."""
    import json

    return json.dumps(text)
