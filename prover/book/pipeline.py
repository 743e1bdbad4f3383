"""`import_book`: from an exchange's export to a book folder, in one call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from primitives.assets import AssetList
from primitives.strict_json import Json
from prover.book import atomic
from prover.book.assets import load_assets
from prover.book.errors import BookWriteError, ImportFailedError, ImportOptionsError
from prover.book.grouping import MAX_PARTITION_ROWS, Grouper, partition_count
from prover.book.importers import IMPORTERS, ImportRequest, PreparedSource
from prover.book.intake import Intake, ReadOptions
from prover.book.report import LISTED_PROBLEMS, CsvProblemFile, ImportReport, Problem, ProblemLog, RejectSink
from prover.book.store import BookWriter, refuse_to_overwrite
from prover.book.text_input import InputFaultError, check_readable, file_sha256, is_gzip

BytesProgress = Callable[[int, int], None]
RULE_VIOLATIONS_REPORT = "rule-violations.csv"
_GZIP_EXPANSION = 8


def import_book(
    source: str,
    inputs: Sequence[Path],
    out: Path,
    *,
    assets: AssetList | Path | None = None,
    prices: Path | None = None,
    options: ReadOptions | None = None,
    reject_sink: RejectSink | None = None,
    reject_rule_breakers: bool = False,
    documents: Mapping[str, bytes] | None = None,
    progress: BytesProgress | None = None,
    replace: bool = False,
    listed_problems: int = LISTED_PROBLEMS,
    max_partition_rows: int = MAX_PARTITION_ROWS,
) -> ImportReport:
    """Read `inputs` in the format `source` (a key of `IMPORTERS`) and put the book at `out`.

    Without `reject_sink` any fault in the input fails the import. With it, every account with a faulty
    record is left out as a whole and all its records go to the sink; faults of whole files still fail.
    Rules of the source that a well-formed account breaks are warnings, and the account stays in the book,
    unless `reject_rule_breakers` is set (which needs a sink).

    `assets` and `prices` are needed by some sources, `documents` are public files to attach by name.
    `progress` receives ``(bytes_done, bytes_total)`` of the input. `replace` allows overwriting a book.

    Either a whole new book stands at `out` afterwards or what was there before, whenever the process
    ends. Raises `ImportOptionsError`, `ImportFailedError` (with the report), `BookExistsError` and
    `BookWriteError`.
    """
    with _discarding(reject_sink):
        _check_request(source, inputs, out, reject_sink, reject_rule_breakers=reject_rule_breakers)
        atomic.recover(out)
        refuse_to_overwrite(out, replace=replace)
        asset_list = load_assets(assets) if isinstance(assets, Path) else assets
        run = _Import(source, tuple(inputs), out, ProblemLog(listed=listed_problems, sink=reject_sink))
        prepared = run.prepare(asset_list, prices, options or ReadOptions())
        try:
            return run.build(
                prepared,
                documents or {},
                progress,
                max_partition_rows=max_partition_rows,
                reject_rule_breakers=reject_rule_breakers,
                sink=reject_sink,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise BookWriteError(f"cannot write the book {out}: {reason}; nothing was changed") from error


def _check_request(
    source: str, inputs: Sequence[Path], out: Path, sink: RejectSink | None, *, reject_rule_breakers: bool
) -> None:
    if source not in IMPORTERS:
        raise ImportOptionsError(f"no source format {source!r}; there are {', '.join(sorted(IMPORTERS))}")
    if not inputs:
        raise ImportOptionsError("no input file was given")
    if len({path.resolve() for path in inputs}) != len(inputs):
        raise ImportOptionsError("an input file is given twice")
    if reject_rule_breakers and sink is None:
        raise ImportOptionsError("rejecting rule breakers needs a reject file to list them in")
    if isinstance(sink, CsvProblemFile) and out.absolute() in sink.path.absolute().parents:
        raise ImportOptionsError("the reject file cannot be inside the book")


@contextlib.contextmanager
def _discarding(sink: RejectSink | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if sink is not None:
            sink.discard()
        raise


class _Import:
    """One run: its inputs, its problems, its counts."""

    def __init__(self, source: str, inputs: tuple[Path, ...], out: Path, log: ProblemLog) -> None:
        self.source = source
        self.inputs = inputs
        self.out = out
        self.log = log
        self.readable: tuple[Path, ...] = ()
        self._sizes: dict[Path, int] = {}
        self._intake: Intake | None = None
        self._positions = 0

    def prepare(self, assets: AssetList | None, prices: Path | None, options: ReadOptions) -> PreparedSource:
        """Find the files that can be read at all, and the assets of the source.

        Raises `ImportFailedError` if there is nothing to go on with.
        """
        for path in self.inputs:
            try:
                self._sizes[path] = check_readable(path)
            except InputFaultError as fault:
                self.log.add_fatal(fault.problem)
        self.readable = tuple(self._sizes)
        if self.readable:
            try:
                return IMPORTERS[self.source].prepare(ImportRequest(self.readable, assets, prices, options))
            except InputFaultError as fault:
                self.log.add_fatal(fault.problem)
        raise ImportFailedError(self.report())

    def report(self, *, written: bool = False) -> ImportReport:
        """The outcome so far."""
        grouper = self._intake.grouper if self._intake else None
        return ImportReport(
            source=self.source,
            files=tuple(str(path) for path in self.inputs),
            out=str(self.out),
            rows=self._intake.rows if self._intake else 0,
            accounts_seen=grouper.accounts_seen if grouper else 0,
            accounts_accepted=grouper.accounts_accepted if grouper else 0,
            accounts_rejected=grouper.accounts_rejected if grouper else 0,
            positions=self._positions,
            rule_breakers=self.log.rule_breakers,
            problems=dict(self.log.counts),
            warnings=dict(self.log.warning_counts),
            first_problems=tuple(self.log.first),
            first_warnings=tuple(self.log.first_warnings),
            written=written,
        )

    def build(
        self,
        prepared: PreparedSource,
        documents: Mapping[str, bytes],
        progress: BytesProgress | None,
        *,
        max_partition_rows: int,
        reject_rule_breakers: bool,
        sink: RejectSink | None,
    ) -> ImportReport:
        """Read, group, write, and put the book in place."""
        with atomic.build_folder(self.out) as folder:
            spill, book = folder / "spill", folder / "book"
            spill.mkdir(mode=0o700)
            book.mkdir(mode=0o700)
            writer = BookWriter(book, prepared.assets)
            estimate = sum(
                size * (_GZIP_EXPANSION if is_gzip(path) else 1) for path, size in self._sizes.items()
            )
            grouper = Grouper(
                spill,
                prepared.assets,
                self.log,
                partitions=partition_count(estimate),
                max_partition_rows=max_partition_rows,
            )
            violations = CsvProblemFile(folder / RULE_VIOLATIONS_REPORT)
            self.log.warning_file = violations
            on_bytes = _byte_counter(sum(self._sizes.values()), progress)
            self._intake = Intake(prepared.assets, grouper, self.log, on_bytes, reject_rule_breakers)
            with contextlib.closing(grouper), _discarded(violations):
                described = [self._read(path, prepared, self._intake) for path in self.readable]
                grouper.finish(writer)
                self._positions = writer.position_count
                if grouper.accounts_accepted == 0 and not self.log.failed:
                    self.log.add_fatal(
                        Problem("no-accounts", str(self.inputs[0]), "no account is left to seal")
                    )
                if self.log.failed:
                    raise ImportFailedError(self.report())
                self._attach(writer, {**prepared.documents(), **documents}, violations)
            writer.finish({"kind": self.source, "files": described, **prepared.description()})
            if sink is not None:
                # before the book: a book must not appear without the list of what it leaves out
                sink.finish()
            atomic.put_in_place(book, self.out)
        return self.report(written=True)

    def _read(self, path: Path, prepared: PreparedSource, intake: Intake) -> Json:
        before = path.stat()
        digest = file_sha256(path)
        try:
            prepared.read(path, intake)
            after = path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise InputFaultError(Problem("changed-file", str(path), "changed while it was read"))
        except InputFaultError as fault:
            self.log.add_fatal(fault.problem)
        intake.flush()
        return {"name": path.name, "bytes": before.st_size, "sha256": digest}

    def _attach(self, writer: BookWriter, documents: Mapping[str, bytes], violations: CsvProblemFile) -> None:
        for name, data in sorted(documents.items()):
            writer.add_document(name, data)
        if violations.count:
            violations.finish()
            writer.add_report(RULE_VIOLATIONS_REPORT, violations.path)


@contextlib.contextmanager
def _discarded(violations: CsvProblemFile) -> Iterator[None]:
    try:
        yield
    finally:
        violations.discard()


def _byte_counter(total: int, progress: BytesProgress | None) -> Callable[[int], None]:
    done = 0

    def count(read: int) -> None:
        nonlocal done
        done = min(total, done + read)
        if progress is not None:
            progress(done, total)

    return count
