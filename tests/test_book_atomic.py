"""A book appears whole or not at all: killed runs, full disks, leftovers, two runs at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from primitives.assets import AssetList
from prover.book import (
    Book,
    BookExistsError,
    BookFormatError,
    BookWriteError,
    CsvProblemFile,
    atomic,
    import_book,
)

ASSETS = AssetList.of([("BTC", 8)])
ROOT = Path(__file__).resolve().parent.parent


def source(folder: Path, account: str, rows: int = 1) -> Path:
    path = folder / f"{account}.csv"
    path.write_text("account,asset,amount\n" + "".join(f"{account}{n},BTC,{n}\n" for n in range(rows)))
    return path


def make(folder: Path, account: str, *, replace: bool = False) -> None:
    import_book("generic-long", [source(folder, account)], folder / "book", assets=ASSETS, replace=replace)


def accounts(folder: Path) -> list[str]:
    return [account for batch in Book.open(folder / "book").iter_batches(9) for account in batch.ids]


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".book")]


SCRIPT = """
import os, signal, sys
from pathlib import Path
from primitives.assets import AssetList
from prover.book import import_book
from prover.book import atomic

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

stage, folder = sys.argv[1], Path(sys.argv[2])
progress = None
exchange = atomic._rename_exchange
if stage == "while reading":
    progress = die
elif stage == "before the exchange":
    atomic._rename_exchange = die
elif stage == "after the exchange":
    atomic._rename_exchange = lambda *both: (exchange(*both), die())
else:
    atomic._rename_exchange = lambda *both: False
    rename = Path.rename
    def rename_and_die(self, target):
        rename(self, target)
        if (stage == "between the renames") == (self == folder / "book"):
            die()
        return target
    Path.rename = rename_and_die
import_book(
    "generic-long", [folder / "new.csv"], folder / "book", assets=AssetList.of([("BTC", 8)]), replace=True,
    progress=progress,
)
"""


@pytest.mark.parametrize(
    ("stage", "survivor"),
    [
        ("while reading", "old0"),
        ("before the exchange", "old0"),
        ("after the exchange", "new0"),
        ("between the renames", "old0"),
        ("after the renames", "new0"),
    ],
)
def test_a_killed_run_leaves_the_old_book_or_the_new_one(stage: str, survivor: str, tmp_path: Path) -> None:
    make(tmp_path, "old")
    source(tmp_path, "new")
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), stage, str(tmp_path)],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert run.returncode == -signal.SIGKILL
    assert leftovers(tmp_path)
    assert accounts(tmp_path) == [survivor]
    make(tmp_path, "next", replace=True)
    assert accounts(tmp_path) == ["next0"]
    assert leftovers(tmp_path) == []


def test_a_killed_first_run_leaves_nothing_that_stands_in_the_way(tmp_path: Path) -> None:
    source(tmp_path, "new")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, "while reading", str(tmp_path)], cwd=ROOT, check=False, timeout=60
    )
    with pytest.raises(BookFormatError, match=r"is not a book: book\.json: No such file"):
        Book.open(tmp_path / "book")
    make(tmp_path, "next")
    assert leftovers(tmp_path) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from primitives.assets import AssetList
from prover.book import BookWriteError, CsvProblemFile, import_book
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    import_book(
        "generic-long", [folder / "new.csv"], folder / "book", assets=AssetList.of([("BTC", 8)]), replace=True,
        reject_sink=CsvProblemFile(folder / "rejects.csv"),
    )
except BookWriteError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [20_000, 10_000_000])
def test_a_disk_that_fills_up_leaves_the_old_book(limit: int, tmp_path: Path) -> None:
    """A limit on the size of a file stands in for a full disk; the second one is never met."""
    make(tmp_path, "old")
    source(tmp_path, "new", rows=3000)
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit)],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if limit == 20_000:
        assert "File too large; nothing was changed" in run.stdout
        assert accounts(tmp_path) == ["old0"]
        assert not list(tmp_path.glob("*rejects*"))
    else:
        assert run.stdout == ""
        assert len(accounts(tmp_path)) == 3000
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("failing", ["sync_tree", "_rename_exchange"])
def test_no_space_at_the_last_moment(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "old")

    def full(*paths: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, failing, full)
    with pytest.raises(BookWriteError, match="No space left on device; nothing was changed"):
        make(tmp_path, "new", replace=True)
    assert accounts(tmp_path) == ["old0"]
    assert leftovers(tmp_path) == []


def test_an_interrupted_run_cleans_up(tmp_path: Path) -> None:
    make(tmp_path, "old")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    sink = CsvProblemFile(tmp_path / "rejects.csv")
    with pytest.raises(KeyboardInterrupt):
        import_book(
            "generic-long", [source(tmp_path, "new")], tmp_path / "book", assets=ASSETS, replace=True,
            progress=interrupt, reject_sink=sink,
        )  # fmt: skip
    assert accounts(tmp_path) == ["old0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book", "new.csv", "old.csv"]


def test_a_run_under_way_is_not_a_leftover(tmp_path: Path) -> None:
    target = tmp_path / "book"
    with atomic.build_folder(target) as other:
        (other / "work").write_text("in progress")
        make(tmp_path, "new")
        assert (other / "work").read_text() == "in progress"
    assert leftovers(tmp_path) == []
    stale = tmp_path / ".book.building-0123"
    stale.mkdir()
    assert atomic.remove_leftovers(target) == [stale]
    assert not stale.exists()


def test_without_an_exchange_the_folder_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "old")
    monkeypatch.setattr(atomic, "_rename_exchange", lambda *both: False)
    make(tmp_path, "new", replace=True)
    assert accounts(tmp_path) == ["new0"]
    assert leftovers(tmp_path) == []


def test_the_exchange_works_here_or_says_so(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not atomic._rename_exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("no renameat2 on this system")
    assert (tmp_path / "a/b").exists()
    assert (tmp_path / "b/a").exists()
    with pytest.raises(FileNotFoundError):
        atomic._rename_exchange(tmp_path / "a", tmp_path / "missing")


def test_nothing_but_a_book_is_overwritten_and_that_only_on_request(tmp_path: Path) -> None:
    make(tmp_path, "old")
    with pytest.raises(BookExistsError, match="is a book already"):
        make(tmp_path, "new")
    (tmp_path / "book/book.json").write_text("{}")
    with pytest.raises(BookExistsError, match="not a book: choose another place"):
        make(tmp_path, "new", replace=True)
    paths = {"file": "not a folder", "link": "not a folder", "none/book": "create it first"}
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "book")
    for name, reason in paths.items():
        with pytest.raises(BookExistsError, match=reason):
            import_book("generic-long", [source(tmp_path, "x")], tmp_path / name, assets=ASSETS, replace=True)
    with pytest.raises(BookExistsError, match="a name of its own"):
        import_book("generic-long", [source(tmp_path, "x")], Path("."), assets=ASSETS, replace=True)
    (tmp_path / "empty").mkdir()
    import_book("generic-long", [source(tmp_path, "x")], tmp_path / "empty", assets=ASSETS)
    assert Book.open(tmp_path / "empty").account_count == 1


def test_an_older_reject_file_stays_until_a_new_one_is_complete(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    rejects.write_text("old")
    sink = CsvProblemFile(rejects)
    with pytest.raises(Exception, match="no such file"):
        import_book("generic-long", [tmp_path / "gone"], tmp_path / "book", assets=ASSETS, reject_sink=sink)
    assert rejects.read_text() == "old"
    with pytest.raises(BookWriteError, match="cannot write"):
        CsvProblemFile(tmp_path / "none" / "rejects.csv")
