"""The steps of the demonstration, in order. Each says what it does and why, and shows the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from primitives.amounts_text import format_amount
from prover.book import Book, import_book
from prover.commit import seal_book
from prover.openings import make_opening
from prover.secret_file import write_private
from prover.vault import Vault
from sealedbook.demo.book import Account, DemoBook, make_book
from sealedbook.demo.cheating import ATTEMPTS, MARKET_NAME, run_attempt
from sealedbook.demo.closing import closing_findings
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import AS_OF, Kind
from sealedbook.demo.scene import Scene, Step
from verifier.bundle import verify_bundle
from verifier.opening import verify_opening_in_bundle
from verifier.report import bundle_report, opening_report

ISSUER_NAME: Final = "Demo Exchange"


def make_and_import(scene: Scene) -> None:
    """Step 1: the exchange's export, and the book folder made from it."""
    stage, space, options = scene.stage, scene.space, scene.options
    stage.say(
        "A derivatives exchange exports what every customer holds and owes: coins, debts, perpetuals, "
        "options. Customers and prices are made up here, and the same in every run with this seed. "
        "The import reads decimals exactly and refuses what it cannot read; nothing is rounded or skipped."
    )
    stage.blank()
    stage.say(f"Seed {options.seed} makes {space.accounts}, {space.assets.name} and {space.market.name}.")
    stage.command(
        "sealedbook", "import", space.accounts, "--from", "generic-long", "--assets", space.assets,
        "--out", space.book,
    )  # fmt: skip
    with stage.working("Making the book") as bars:
        scene.made = make_book(options.accounts, options.seed)
        write_private(space.accounts, scene.made.to_csv().encode())
        space.assets.write_bytes(scene.made.assets_json())
        space.market.write_bytes(scene.made.market.to_bytes())
        report = import_book(
            "generic-long",
            [space.accounts],
            space.book,
            assets=space.assets,
            documents={MARKET_NAME: space.market.read_bytes()},
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
        f"{space.market.name} is attached to the book as a public document and will travel in the bundle. "
        "(The library attaches it, import_book(documents=...); the command above does not.)"
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
    moment = f"{AS_OF:%Y-%m-%dT%H:%M:%SZ}"
    stage.command("sealedbook", "init", "--vault", space.vault, "--name", ISSUER_NAME)
    stage.command(
        "sealedbook", "commit", space.book, "--out", space.bundle, "--vault", space.vault, "--as-of", moment
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


def audit(scene: Scene) -> None:
    """Step 3: what anybody can do with the bundle."""
    stage, space = scene.stage, scene.space
    stage.say(
        "An auditor has the bundle, and the exchange's public key from a place they trust. They compute the "
        "whole tree again from its leaves. No account and no secret is needed for that."
    )
    stage.blank()
    stage.command("sealedbook", "verify", space.bundle, "--issuer-key", scene.issuer_key_file)
    with stage.working("Verifying") as bars:
        scene.verified = verify_bundle(space.bundle, scene.engine, issuer_key=scene.issuer_key, progress=bars)
    report = bundle_report(scene.verified)
    stage.blank()
    stage.result(f"ACCEPTED {report.verdict}")
    stage.blank()
    stage.findings(report.findings)


def check_inclusion(scene: Scene) -> None:
    """Step 4: three customers check their own accounts."""
    stage, space, made = scene.stage, scene.space, scene.made
    stage.say(
        "Each customer receives an opening: their balances, the blinding of their commitment, and the path "
        "to the root. They type their own account id and compare the balances with their own records. "
        "The bundle says nothing about them to anybody; the opening says everything, and is theirs alone."
    )
    digest = scene.verified.attestation.book.digest()
    secrets = scene.vault.open_book(digest, None)
    for description, account, expected in _three_customers(made):
        stage.blank()
        stage.say(f"{account}, who {description}:")
        opening = make_opening(secrets, account, scene.engine)
        path = scene.opening_file(opening)
        stage.command(
            "sealedbook", "open", space.bundle, "--vault", space.vault, "--account", account, "--out", path
        )
        stage.command(
            "sealedbook", "check", path, "--account", account, "--bundle", space.bundle,
            "--issuer-key", scene.issuer_key_file,
        )  # fmt: skip
        write_private(path, opening.to_bytes())
        checked = verify_opening_in_bundle(
            path.read_bytes(), account, space.bundle, scene.engine, issuer_key=scene.issuer_key
        )
        found = {made.assets.index(p.asset.id): p.amount for p in checked.opening.positions}
        if found != expected:
            raise DemoFailedError("an opening does not show the balances that were made")
        scene.opened.append(opening)
        scene.checked.append(checked)
        stage.result(f"ACCEPTED leaf {opening.leaf_index:,}, {len(found)} balances")
    stage.blank()
    stage.say(f"What {scene.opened[-1].account} sees:")
    stage.blank()
    stage.findings(opening_report(scene.checked[-1]).findings)


def _three_customers(made: DemoBook) -> list[tuple[str, str, Account]]:
    """A holder of coins, a borrower, and a trader of options and perpetuals; the first of each kind."""
    spot = set(made.market.columns(Kind.SPOT, Kind.STABLE))
    options = set(made.market.columns(Kind.CALL, Kind.PUT))
    perpetuals = set(made.market.columns(Kind.PERPETUAL))
    kinds: tuple[tuple[str, Callable[[Account], bool]], ...] = (
        ("holds coins", lambda a: bool(a) and spot.issuperset(a) and min(a.values()) > 0),
        ("has borrowed", lambda a: any(a.get(column, 0) < 0 for column in spot)),
        ("trades derivatives", lambda a: not options.isdisjoint(a) and not perpetuals.isdisjoint(a)),
    )
    chosen: list[tuple[str, str, Account]] = []
    for description, matches in kinds:
        account, positions = next(
            (account, positions)
            for account, positions in zip(made.ids, made.accounts, strict=True)
            if matches(positions)
        )
        chosen.append((description, account, positions))
    return chosen


def cheat(scene: Scene) -> None:
    """Step 5: what cheating looks like. Works on copies."""
    stage = scene.stage
    stage.say(
        "A check that never says no is worth nothing. Each attempt works on a copy, and the demonstration "
        "fails loudly if one of them is not refused by the very check that is named."
    )
    for number, attempt in enumerate(ATTEMPTS, start=1):
        stage.blank()
        stage.say(f"{number}. {attempt.story}")
        refusal = run_attempt(scene, attempt)
        scene.refusals.append(refusal)
        stage.result(f"REFUSED by {refusal.check} ({attempt.expected.title})", style="bold red")


def close(scene: Scene) -> None:
    """Step 6: what has been shown, at its true level, and what not."""
    stage = scene.stage
    stage.say(
        "Every figure has a level, and none is rounded up. This is what you may repeat to others after this "
        "demonstration, and what not."
    )
    stage.blank()
    scene.findings = closing_findings(scene)
    stage.findings(scene.findings)


STEPS: Final = (
    Step("Make a book and import it", make_and_import),
    Step("Seal the book", seal),
    Step("Verify it as an auditor", audit),
    Step("Check three accounts as their holders", check_inclusion),
    Step("What cheating looks like", cheat),
    Step("What was shown, and what was not", close),
)
