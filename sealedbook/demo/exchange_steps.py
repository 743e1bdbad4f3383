"""What the exchange does: import, seal, prove."""

from __future__ import annotations

import time
from typing import Final

from primitives.amounts_text import format_amount
from prover.book import Book, import_book
from prover.commit import seal_book
from prover.margin_report import write_margin_report
from prover.prove_book import BookProof, prove_book
from prover.secret_file import write_private
from prover.solvency import prove_solvency
from prover.vault import Vault
from sealedbook.demo.book import DemoBook, make_book
from sealedbook.demo.documents import MODEL
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.margin import margin_market, margin_model, with_enough_margin
from sealedbook.demo.market import AS_OF
from sealedbook.demo.reserves import can_sign, make_reserves
from sealedbook.demo.scene import MARGIN_CLAIM, MOMENT, Scene

ISSUER_NAME: Final = "Demo Exchange"
_MICROSECONDS: Final = 1_000_000


def make_and_import(scene: Scene) -> None:
    """the exchange's export, and the book folder made from it."""
    stage, space, options = scene.stage, scene.space, scene.options
    stage.say(
        "A derivatives exchange exports what every customer holds and owes: coins, debts, perpetuals, "
        "options. Customers and prices are made up here, and the same in every run with this seed; whoever was "
        "short of margin has met the margin call. "
        "The import reads decimals exactly and refuses what it cannot read; nothing is rounded or skipped."
    )
    stage.blank()
    stage.say(f"Seed {options.seed} makes {space.accounts}, {space.assets.name} and {space.market.name}.")
    stage.command(
        "sealedbook", "import", space.accounts, "--from", "generic-long", "--assets", space.assets,
        "--document", space.market, "--out", space.book,
    )  # fmt: skip
    with stage.working("Making the book") as bars:
        scene.made = with_enough_margin(make_book(options.accounts, options.seed))
        write_private(space.accounts, scene.made.to_csv().encode())
        space.assets.write_bytes(scene.made.assets_json())
        space.market.write_bytes(scene.made.market.to_bytes())
        report = import_book(
            "generic-long",
            [space.accounts],
            space.book,
            assets=space.assets,
            documents={space.market.name: space.market.read_bytes()},
            progress=lambda done, total: bars("Reading the export", done, total),
        )
    stage.blank()
    stage.facts(_book_facts(scene.made))
    if report.accounts_accepted != len(scene.made.ids) or report.positions != scene.made.position_count:
        raise DemoFailedError("the import did not read what was made")
    stage.blank()
    stage.result(
        f"IMPORTED {report.accounts_accepted:,} accounts with {report.positions:,} balances, none left out."
    )
    stage.say(
        f"{space.market.name} is attached to the book as a public document and will travel in the bundle."
    )


def _book_facts(made: DemoBook) -> list[tuple[str, str]]:
    values = sorted(made.net_values())
    quote, scale = made.market.prices.quote, made.market.prices.scale
    cents = 10 ** (scale - 2)

    def worth(value: int) -> str:
        return f"{format_amount(value // cents, 2)} {quote}"

    columns = f"coins, perpetuals (size and cost), options at {made.market.option_expiries} expiries"
    return [
        ("Customers", f"{len(made.ids):,}, of which {made.empty_count:,} hold nothing"),
        ("With debts", f"{made.borrower_count:,} owe coins or stablecoins, as negative balances"),
        ("Derivatives", f"{made.derivatives_count:,} have perpetuals or options, long or short"),
        ("Columns", f"{len(made.assets)}: {columns}"),
        ("Net value", f"median {worth(values[len(values) // 2])}, largest {worth(values[-1])}"),
    ]


def seal(scene: Scene) -> None:
    """Step 2: vault and bundle."""
    stage, space = scene.stage, scene.space
    stage.say(
        "The exchange makes a vault, which stays private, and seals the book into a bundle, which it "
        "publishes. Every account becomes one 48-byte commitment: it binds the exchange to the balances and "
        "shows nothing of them. Empty accounts fill the tree up to a power of two, and the order is secret: "
        "which leaves are customers, and how many, stays hidden."
    )
    stage.blank()
    stage.command("sealedbook", "init", "--vault", space.vault, "--name", ISSUER_NAME)
    stage.command(
        "sealedbook", "commit", space.book, "--out", space.bundle, "--vault", space.vault, "--as-of", MOMENT
    )
    with stage.working("Sealing the book") as bars:
        scene.vault = Vault.create(space.vault, ISSUER_NAME, None)
        sealed = seal_book(
            Book.open(space.book),
            bundle=space.bundle,
            vault=scene.vault,
            backend=scene.engine,
            as_of=AS_OF,
            progress=bars,
        )
    stage.blank()
    stage.facts(
        [
            ("Book digest", sealed.digest.hex()),
            ("Root", sealed.book.root.hash.hex()),
            ("Signed with", sealed.book.public_key.hex()),
        ]
    )
    stage.blank()
    stage.facts((path.name, f"{path.stat().st_size:,} bytes") for path in sorted(space.bundle.iterdir()))
    stage.blank()
    stage.result(f"SEALED {sealed.account_count:,} accounts as {sealed.book.leaf_count:,} leaves.")


def prove_accounts(scene: Scene) -> None:
    """Step 3: a statement about every account."""
    stage, space = scene.stage, scene.space
    stage.say(
        f"{space.model.name} says what is to be shown of every account, empty ones included: each position is a "
        "whole number of base units in the range of amounts, and all of them together, debts as negative, are "
        f"worth no less than nothing at the prices of {space.market.name}. The proof shows that and nothing "
        "else. If one account fails, nothing is written, and the exchange alone is told which, and how short."
    )
    stage.document(MODEL)
    stage.blank()
    stage.command("sealedbook", "prove", space.bundle, "--vault", space.vault, "--model", space.model)
    space.model.write_bytes(MODEL)
    book = scene.vault.open_book(scene.book_digest(space.bundle), None)
    with stage.working("Proving") as bars:
        start = time.perf_counter()
        proven = scene.proven = prove_book(
            space.bundle,
            book,
            scene.vault.issuer(None),
            scene.engine,
            model=MODEL,
            market=space.market.read_bytes(),
            progress=bars,
        )
        seconds = time.perf_counter() - start
    leaves = book.book.leaf_count
    stage.blank()
    stage.facts(_proof_facts(proven, leaves, seconds))
    stage.blank()
    stage.result(f"PROVEN for all {leaves:,} leaves. No balance has left the exchange.")


def prove_margin(scene: Scene) -> None:
    """Step 4: every account has enough margin under a portfolio-margin model."""
    stage, space = scene.stage, scene.space
    stage.say(
        f"{space.margin_model.name} has the margin rules of the exchange: coins, debts, perpetuals and options of an "
        "account together must outlast the worst of many moves of prices and volatilities. "
        f"{space.margin_market.name} has the market with what every instrument gains or loses in each scenario, in "
        "whole numbers; auditors compute them again. First, for the exchange alone, the margins themselves:"
    )
    space.margin_model.write_bytes(margin_model())
    space.margin_market.write_bytes(margin_market(scene.made.market).to_bytes())
    documents = ("--model", space.margin_model, "--market", space.margin_market)
    stage.command("sealedbook", "margin", "evaluate", space.book, *documents, "--out", space.margins)
    with stage.working("Evaluating") as bars:
        summary = write_margin_report(
            Book.open(space.book),
            space.margins,
            scene.engine,
            model=space.margin_model.read_bytes(),
            market=space.margin_market.read_bytes(),
            progress=bars,
        )
    if summary.unprovable:
        raise DemoFailedError(f"{summary.unprovable} accounts of the made-up book are short of margin")
    stage.blank()
    stage.facts(
        [("Worst scenario", f"{name}: {count:,} accounts") for name, count in summary.worst_scenarios[:3]]
    )
    stage.blank()
    stage.say("Then the proof, which shows that every account has enough, and nothing of how much:")
    stage.command(
        "sealedbook", "prove", space.bundle, "--vault", space.vault, *documents, "--name", MARGIN_CLAIM
    )
    book = scene.vault.open_book(scene.book_digest(space.bundle), None)
    with stage.working("Proving") as bars:
        start = time.perf_counter()
        proven = scene.margin = prove_book(
            space.bundle,
            book,
            scene.vault.issuer(None),
            scene.engine,
            model=space.margin_model.read_bytes(),
            market=space.margin_market.read_bytes(),
            name=MARGIN_CLAIM,
            progress=bars,
        )
        seconds = time.perf_counter() - start
    stage.blank()
    stage.facts(_proof_facts(proven, book.book.leaf_count, seconds))
    stage.blank()
    stage.result(f"PROVEN that all {book.book.leaf_count:,} leaves have enough margin.")


def _proof_facts(proven: BookProof, leaves: int, seconds: float) -> list[tuple[str, str]]:
    statement = proven.statement
    return [
        ("Statement", f"{len(statement.rows):,} rows, {statement.bit_count:,} bits for each account"),
        ("Proof", f"{proven.proof_bytes:,} bytes for {leaves:,} leaves, in {proven.claim.batches:,} file(s)"),
        ("Time", f"{seconds:.1f} s, {seconds / leaves * _MICROSECONDS:,.0f} µs for each leaf"),
    ]


def prove_reserves(scene: Scene) -> None:
    """Step 5: reserves cover the totals, which stay hidden."""
    stage, space = scene.stage, scene.space
    stage.say(
        f"{space.reserves.name} states what the exchange holds of every asset, and where. The proof shows, asset "
        "by asset, that this is at least what all accounts hold together; how much that is stays hidden. "
        "Perpetuals and options need no reserves: for every long there is a short, and that their totals are not "
        "above zero is proven like the rest."
    )
    stage.blank()
    stage.command(
        "sealedbook", "prove-solvency", space.bundle, "--vault", space.vault, "--reserves", space.reserves
    )
    digest = scene.book_digest(space.bundle)
    reserves = make_reserves(scene.made, scene.options.seed, ISSUER_NAME, digest)
    space.reserves.write_bytes(reserves)
    with stage.working("Proving") as bars:
        scene.covered = prove_solvency(
            space.bundle,
            scene.vault.open_book(digest, None),
            scene.vault.issuer(None),
            scene.engine,
            reserves=reserves,
            progress=bars,
        )
    covered = scene.covered
    addresses = list(covered.reserves.addresses())
    signed = sum(address.signature is not None for address in addresses)
    keys = "by throwaway keys from the seed" if can_sign() else "for want of eth-account"
    stage.blank()
    stage.facts(
        [
            ("Assets", f"{len(covered.reserves.assets)}, every one of the book"),
            ("Addresses", f"{len(addresses)}, of which {signed} sign a message that names this book, {keys}"),
            ("Proof", f"{covered.proof_bytes:,} bytes"),
        ]
    )
    stage.blank()
    stage.result("PROVEN that the reserves stated cover every total. No total has left the exchange.")
