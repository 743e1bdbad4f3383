"""``sealedbook monitor``: watch a transparency log, remember what it showed, and tell what does not fit."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import platformdirs
import typer

from primitives.attestation import format_time
from primitives.errors import UnreachableError
from primitives.strict_json import Json, canonical_json
from sealedbook.log_options import (
    LogKeyOption,
    OriginOption,
    UrlArgument,
    WitnessesOption,
    WitnessKeyOption,
    read_policy,
)
from sealedbook.options import JsonOption, OptionError
from sealedbook.output import ExitCode, console, notes, print_json, reported_errors, shown
from sealedbook.written_file import write_whole
from verifier.checks import Check, VerificationError
from verifier.log_history import Conflict
from verifier.log_monitor import (
    LogMismatchError,
    LogSource,
    MonitorState,
    Observation,
    observe,
    verify_freshness,
)
from verifier.transparency import LogPolicy

REPORT_FORMAT: Final = "sealedbook/monitor-report/v1"
_SECONDS_PER_HOUR: Final = 3600


def monitor(
    url: UrlArgument,
    log_key: LogKeyOption,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", metavar="FILE", help="What is remembered; in your state folder if not given."
        ),
    ] = None,
    witness_key: WitnessKeyOption = None,
    witnesses: WitnessesOption = None,
    origin: OriginOption = "",
    max_age: Annotated[
        float | None,
        typer.Option(
            "--max-age",
            metavar="HOURS",
            min=0,
            help="Refuse a log whose newest book or cosignatures are older.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once; so it is without --interval.")] = False,
    interval: Annotated[
        float | None, typer.Option("--interval", metavar="SECONDS", min=1, help="Look again and again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a log: its signature and witnesses, that it only grows, and what its new entries say.

    Ends with 1 when something does not fit (evidence is kept beside the state), with 4 when the log does not answer.
    """
    with reported_errors(as_json=as_json):
        from sealedbook.log_client import LogClient

        if once and interval is not None:
            raise OptionError("--once and --interval exclude each other")
        policy = read_policy(log_key, origin, witness_key, witnesses)
        path = state or default_state_path(policy)
        seconds = None if max_age is None else int(max_age * _SECONDS_PER_HOUR)
        with LogClient(url) as source:
            watch = Watch(source, policy, path, seconds, MonitorState.parse(path.read_bytes(), policy)
                          if path.exists() else None)  # fmt: skip
            if interval is None:
                _tell(watch.look(), url, as_json=as_json, repeated=False)
            else:
                _look_again_and_again(watch, url, interval, as_json=as_json)


@dataclass
class Watch:
    """One log being watched: where from, whom to trust, and what is remembered (in `path`, and here)."""

    source: LogSource
    policy: LogPolicy
    path: Path
    max_age: int | None
    state: MonitorState | None

    def look(self) -> Observation:
        """Look once and remember; conflicts among them a log that is too old.

        Raises `VerificationError` where the log is not what it was; what was remembered stays, and the evidence is
        kept beside it. Raises `UnreachableError`.
        """
        now = int(time.time())
        try:
            observation = observe(self.source, self.policy, self.state, now=now)
        except LogMismatchError as error:
            folder = save_evidence(self.path, error, now)
            detail = f"{error.detail}; what was shown is kept in {folder}"
            raise VerificationError(error.check, detail) from error
        if self.state is None or observation.state.checkpoint.note != self.state.checkpoint.note:
            write_whole(self.path, observation.state.to_bytes())
        self.state = observation.state
        if self.max_age is None:
            return observation
        try:
            verify_freshness(observation, max_age=self.max_age, now=now)
        except VerificationError as error:
            return observation.with_conflict(Conflict(error.check, (), error.detail))
        return observation


def default_state_path(policy: LogPolicy) -> Path:
    """A file of its own for every log, in the user's state folder."""
    name = hashlib.sha256(f"{policy.expected_origin}\n{policy.log_key.to_text()}".encode()).hexdigest()[:16]
    return platformdirs.user_state_path("sealedbook") / f"monitor-{name}"


def save_evidence(state: Path, error: LogMismatchError, now: int) -> Path:
    """Keep what shows that the log is not what it was, in a new folder beside the state."""
    moment = datetime.fromtimestamp(now, UTC)
    for attempt in range(1000):
        suffix = f"-{attempt}" if attempt else ""
        folder = state.with_name(f"{state.name}.evidence") / f"{moment:%Y%m%dT%H%M%SZ}{suffix}"
        if not folder.exists():
            break
    folder.mkdir(parents=True)
    write_whole(folder / "shown.note", error.shown)
    if error.seen is not None:
        write_whole(folder / "seen.note", error.seen)
    report: Json = {
        "check": error.check.value,
        "detail": error.detail,
        "time": format_time(moment),
        "proof": [each.hex() for each in error.proof],
    }
    write_whole(folder / "report.json", canonical_json(report) + b"\n")
    return folder


def _look_again_and_again(watch: Watch, url: str, interval: float, *, as_json: bool) -> None:
    answered = time.monotonic()
    while True:
        try:
            observation = watch.look()
        except UnreachableError as error:
            notes.print(f"[yellow]no answer[/]  {shown(str(error))}")
            if watch.max_age is not None and time.monotonic() - answered > watch.max_age:
                raise VerificationError(
                    Check.LOG_FRESHNESS, "the log did not answer for longer than you allow"
                ) from error
        else:
            answered = time.monotonic()
            _tell(observation, url, as_json=as_json, repeated=True)
        time.sleep(interval)


def _tell(observation: Observation, url: str, *, as_json: bool, repeated: bool) -> None:
    """Print what was found; `SystemExit` with 1 if rules are broken."""
    code = ExitCode.REJECTED if observation.conflicts else ExitCode.ACCEPTED
    if as_json and repeated:
        sys.stdout.write(json.dumps(report_json(observation, url)) + "\n")
        sys.stdout.flush()
    elif as_json:
        print_json(report_json(observation, url))
    else:
        _print(observation)
    if code is not ExitCode.ACCEPTED:
        raise SystemExit(code)


def report_json(observation: Observation, url: str) -> dict[str, Json]:
    """What one look showed, for programs."""
    checkpoint = observation.state.checkpoint
    return {
        "format": REPORT_FORMAT,
        "result": "rejected" if observation.conflicts else "accepted",
        "url": url,
        "origin": checkpoint.checkpoint.origin,
        "size": checkpoint.size,
        "previous_size": observation.previous_size,
        "root": checkpoint.root.hex(),
        "cosignatures": [
            {"witness": each.key.name, "time": each.timestamp} for each in checkpoint.cosignatures
        ],
        "events": [
            {"index": event.index, "kind": event.kind.value, "text": event.text}
            for event in observation.events
        ],
        "conflicts": [
            {
                "check": conflict.check.value,
                "title": conflict.check.title,
                "entries": list[Json](conflict.indexes),
                "detail": conflict.detail,
            }
            for conflict in observation.conflicts
        ],
        "exit_code": int(ExitCode.REJECTED if observation.conflicts else ExitCode.ACCEPTED),
    }


def _print(observation: Observation) -> None:
    checkpoint = observation.state.checkpoint
    verdict = "[bold red]REJECTED[/]" if observation.conflicts else "[bold green]ACCEPTED[/]"
    grown = len(observation.events)
    console.print(
        f"{verdict}  {shown(checkpoint.checkpoint.origin)}: {checkpoint.size:,} entries, {grown:,} new"
    )
    if observation.previous_size is None:
        console.print("          The first look: from now on the log has to contain what it shows today.")
    for event in observation.events:
        console.print(f"{event.index:>8}  {shown(event.kind.value)}: {shown(event.text)}")
    for conflict in observation.conflicts:
        notes.print(f"[bold red]check {conflict.check.value} failed[/]  {shown(conflict.detail)}")
        notes.print(f"          The check: {shown(conflict.check.title)}.")
    names = ", ".join(shown(each.key.name) for each in checkpoint.cosignatures)
    console.print(f"[dim]Cosigned by {names or 'none of your witnesses: you alone saw this'}[/]")
