"""Run by `test_api_publishing` in a process of its own: publish a bundle, dying at one step of the commit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from api.application import service_app
from api.publication import committing
from api.settings import Settings


def main() -> None:
    request = json.load(sys.stdin)
    chosen, bundle = request.pop("step"), Path(request.pop("bundle"))
    app = service_app(Settings(**request))
    staged = app.state.staging.begin(
        (bundle / "attestation.json").read_bytes(), (bundle / "attestation.sig").read_bytes()
    )
    for entry in staged.attestation.files:
        (staged.bundle / entry.name).parent.mkdir(exist_ok=True)
        shutil.copy(bundle / entry.name, staged.bundle / entry.name)

    def die(step: str) -> None:
        if step == chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    committing.reached = die
    app.state.publisher.commit(staged)


if __name__ == "__main__":
    main()
