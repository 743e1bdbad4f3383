"""``sealedbook certify-top-up``: prove that an account meets a statement after a deposit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from primitives.amounts_text import parse_units, plain_amount
from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.opening import Opening
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from primitives.top_up import MAX_AMOUNT_BITS, HiddenAmount, TopUpCertificate
from sealedbook.commands.certify_command import audience_option
from sealedbook.options import (
    MAX_OPENING_BYTES,
    BackendOption,
    JsonOption,
    OptionError,
    read_small_file,
)
from sealedbook.output import console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole
from verifier.opening import TrustedRoot, verify_own_opening
from verifier.top_up import VerifiedTopUp, verify_top_up_against_root
from verifier.top_up_report import amount_words

if TYPE_CHECKING:
    from prover.top_up import TopUpRequest


def certify_top_up(
    opening: Annotated[Path, typer.Argument(help="Your opening; it stays private.")],
    statement: Annotated[
        Path,
        typer.Option(
            "--statement", help="The model that holds after it; with --policy the margin model itself."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The certificate to write.")],
    market: Annotated[Path | None, typer.Option("--market", help="The prices.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Take amount and target from a rebalancing policy.")
    ] = None,
    asset: Annotated[str | None, typer.Option("--asset", help="What is added, with --amount.")] = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="AMOUNT", help="How much, in whole units of the asset.")
    ] = None,
    hide_bits: Annotated[
        int | None,
        typer.Option(
            "--hide-bits",
            min=1,
            max=MAX_AMOUNT_BITS,
            help="Hide the amount: show only that it has so many bits.",
        ),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(
            "--limit", metavar="AMOUNT", help="With --hide-bits: show also that it is at most this."
        ),
    ] = None,
    taken_from: Annotated[
        str | None,
        typer.Option("--taken-from", metavar="ASSET", help="The column of your account that pays."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--source", help="The opening of the account that pays; it stays private.")
    ] = None,
    smallest: Annotated[
        bool,
        typer.Option(
            "--smallest", help="Show that less is not enough. Tells which tiers and signs are active."
        ),
    ] = False,
    audience: Annotated[
        str | None, typer.Option("--audience", metavar="TEXT", help="For whom, or for what.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Your account id, to be sure that the opening is yours.")
    ] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that your account, with so much more, meets a statement such as a margin model with a buffer.

    The certificate holds no position. It shows the account as it would be, not that anybody has paid: the amount must
    leave some other account or column (--source, --taken-from show that), or be new reserves.
    """
    with reported_errors(as_json=as_json):
        from prover.top_up import make_top_up

        _refuse_other_file(out)
        engine = get_backend(backend)
        checked = verify_own_opening(read_small_file(opening, "OPENING", MAX_OPENING_BYTES), account, engine)
        model = read_small_file(statement, "--statement", MAX_JSON_BYTES)
        prices = None if market is None else read_small_file(market, "--market", MAX_JSON_BYTES)
        payer = None
        if source is not None:
            payer = verify_own_opening(read_small_file(source, "--source", MAX_OPENING_BYTES), None, engine)
        if policy is None:
            request = _stated_request(checked, asset, amount, taken_from, payer)
            step = 1
        else:
            if asset is not None or amount is not None or taken_from is not None:
                raise OptionError("--policy says what is moved: leave out --asset, --amount and --taken-from")
            data = read_small_file(policy, "--policy", MAX_JSON_BYTES)
            request, step, model = _policy_request(checked, data, model, prices, payer, engine)
        request = _with_options(request, checked, hide_bits, limit, step if smallest else None)
        certificate = make_top_up(
            checked, engine, request, model=model, market=prices, audience=audience_option(audience)
        )
        written = certificate.to_bytes()
        # What is handed out has passed the check that others will make.
        verified = verify_top_up_against_root(written, TrustedRoot(book_digest=checked.book.digest()), engine)
        write_whole(out, written)
        _print_result(out, verified, len(written), as_json=as_json)


def _stated_request(
    opening: Opening, asset: str | None, amount: str | None, taken_from: str | None, payer: Opening | None
) -> TopUpRequest:
    from prover.top_up import TopUpRequest

    if asset is None or amount is None:
        raise OptionError("give --asset and --amount, or --policy")
    units = _base_units(opening, asset, amount, "--amount")
    return TopUpRequest(asset, units, taken_from=taken_from, source=payer)


def _policy_request(
    opening: Opening,
    policy: bytes,
    model: bytes,
    market: bytes | None,
    payer: Opening | None,
    backend: Backend,
) -> tuple[TopUpRequest, int, bytes]:
    """The one transfer of the policy's plan, its lot, and the model document of the target."""
    from prover.rebalancing.policy import ColumnReserve
    from prover.rebalancing.rebalance import AccountTable, rebalance
    from prover.top_up import TopUpRequest

    result = rebalance(AccountTable.of_opening(opening), backend, policy=policy, model=model, market=market)
    made = [each for each in result.plan.transfers if each.amounts[0]]
    if not result.plan.called[0]:
        raise OptionError("--policy: the account is not below the trigger: nothing is to be topped up")
    if not result.plan.restored[0]:
        raise OptionError("--policy: what the policy permits does not restore the account")
    if len(made) != 1 or made[0].asset.column is None:
        raise OptionError(
            "--policy: a certificate is of one asset of the book, and the policy moves others; use --amount"
        )
    (transfer,) = made
    reserve = transfer.asset.policy.reserve
    column = reserve.column if isinstance(reserve, ColumnReserve) else None
    if column is not None and transfer.fees[0]:
        raise OptionError(
            "--policy: the column that pays is charged a fee, which a certificate does not show; use --amount"
        )
    request = TopUpRequest(
        transfer.asset.policy.asset, int(transfer.amounts[0]), taken_from=column, source=payer
    )
    return request, transfer.asset.lot, result.target


def _with_options(
    request: TopUpRequest, opening: Opening, bits: int | None, limit: str | None, step: int | None
) -> TopUpRequest:
    from dataclasses import replace

    hidden = None
    if bits is not None:
        most = None if limit is None else _base_units(opening, request.asset, limit, "--limit")
        if most is not None and most >= 1 << bits:
            raise OptionError(f"--limit: has more than {bits} bits in base units")
        hidden = HiddenAmount(bits, most)
    elif limit is not None:
        raise OptionError("--limit goes with --hide-bits: an amount that is shown needs none")
    return replace(request, hidden=hidden, minimal_step=step)


def _base_units(opening: Opening, asset: str, text: str, option: str) -> int:
    decimals = next((each.decimals for each in opening.book.assets if each.id == asset), None)
    if decimals is None:
        raise OptionError(f"--asset: {asset!r} is not an asset of the book")
    try:
        units = parse_units(text, decimals)
    except ValueError as error:
        raise OptionError(f"{option}: {error}") from error
    if units <= 0:
        raise OptionError(f"{option}: is not above 0")
    return units


def _print_result(out: Path, verified: VerifiedTopUp, size: int, *, as_json: bool) -> None:
    terms = verified.terms
    if as_json:
        print_json(
            {
                "certificate": str(out),
                "bytes": size,
                "book_digest": terms.book.digest().hex(),
                "leaf_index": terms.leaf.index,
                "top_up": terms.amount_to_json(),
                "taken_from": None if terms.taken_from is None else terms.taken_from.id,
                "source_leaf_index": None if terms.source is None else terms.source.leaf.index,
                "smallest_step": None
                if terms.minimal is None
                else plain_amount(terms.minimal.step, terms.asset.decimals),
                "after": terms.after.hex(),
                "statement": terms.statement_digest.hex(),
                "audience": terms.audience,
            }
        )
        return
    console.print(
        f"Wrote [bold]{escape(str(out))}[/]: {size:,} bytes. It shows that the account at leaf {terms.leaf.index} "
        f"meets the statement with {shown(amount_words(terms))} more."
    )
    if terms.taken_from is None and terms.source is None:
        console.print("It does not show where the amount comes from: another account, or new reserves.")
    console.print("Anybody can check it with `sealedbook verify-top-up`.")


def _refuse_other_file(out: Path) -> None:
    """Only an older certificate is ever replaced, and nothing is put into a bundle, which would then be refused."""
    for folder in out.absolute().parents:
        if (folder / ATTESTATION_NAME).is_file() and (folder / SIGNATURE_NAME).is_file():
            raise OptionError(f"--out: {out} lies in the bundle {folder}; a certificate is a file of its own")
    if not os.path.lexists(out):
        return
    try:
        TopUpCertificate.parse(read_small_file(out, "--out", MAX_JSON_BYTES))
    except (JsonError, OptionError, OSError):
        raise OptionError(f"--out: {out} exists and is no top-up certificate; choose another place") from None
