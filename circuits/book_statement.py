"""The statement of a claim about the whole book: limits on the sum of all accounts (docs/models/balanced-book.md).

It is about one vector, the totals T, to which the root's sum opens. Totals go beyond 64 bits:

    U   number of leaves             B = U (2^63 - 1), what |T_a| is at most        t = bit length of 2 B

    condition  0 <= b + sum c_a T_a - sum g_a |T_a|  (<= span)         circuits.models.greek_conditions
    split      d_a [t],  0 <= T_a + d_a < 2^t                          of each a with some g_a: |T_a| <= T_a + 2 d_a
    bounded    0 <= T_a + B < 2^t                                      of every other a that a condition uses

Rows of conditions with a span take its bits: one row if ``span + 1`` is a power of two, else one for each end. Others
take the bits of their largest value for ``|T| <= B``, and 120 at the most: a book beyond that is not provable.

Splits and bounds make every T_a that is used an integer with ``|T_a| < 2^t`` by themselves, whatever is proven of
single accounts, and `Statement`'s own check that nothing wraps is made again here for totals of that size:

    sum |A_T| 2^t + sum |A_x| 2^{w_x} + |b| + 2^w < r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from circuits.bits import UInt8Array, pack
from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, faults_of, find_margin_model, read_market
from circuits.evaluate import evaluate_account
from circuits.models.greek_conditions import Condition
from circuits.models.greeks_limits import BalancedBook
from circuits.rows import MAX_WIDTH, Auxiliary, Row, Scope
from circuits.statement import Statement
from circuits.statement_checks import auxiliary_bounds
from circuits.wide_integers import WideIntegers
from primitives.amounts_text import format_amount
from primitives.assets import Asset
from primitives.parameters import GROUP_ORDER
from primitives.totals import totals_bound


@dataclass(frozen=True)
class BookStatement:
    """A statement about totals, with the conditions that its rows are of.

    `splits` are the columns that auxiliary variables split, in their order; `used` all columns that conditions use.
    """

    statement: Statement
    definition: BalancedBook
    conditions: tuple[Condition, ...]
    splits: tuple[int, ...]
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """A condition that totals fail, by `missing` units of ``10^-decimals`` of `unit`. Private: it tells of totals."""

    label: str
    side: str
    missing: int = field(repr=False)
    decimals: int
    unit: str

    def describe(self) -> str:
        """One line for people."""
        return (
            f"{self.label}: {self.side} by {format_amount(self.missing, self.decimals)} {self.unit}".rstrip()
        )


def is_book_model(model: bytes) -> bool:
    """Whether a document is a model of the sum of all accounts. Raises `ClaimDocumentError`."""
    return isinstance(find_margin_model(model), BalancedBook)


def compile_book(
    model: bytes, market: bytes | None, assets: Sequence[Asset], leaf_count: int
) -> BookStatement:
    """The statement that `model` makes at `market` about the totals of a book with these `assets` and leaves.

    The same code for prover and verifier. Raises `ClaimDocumentError`.
    """
    public_market = read_market(market)
    definition = find_margin_model(model)
    if not isinstance(definition, BalancedBook):
        raise ClaimDocumentError(
            MODEL_ROLE, f"$.kind: is not {BalancedBook.kind!r}, the kind about whole books"
        )
    with faults_of(MODEL_ROLE):
        conditions = definition.conditions(assets, public_market)
        return _Lowering(definition, conditions, assets, leaf_count).compile()


def find_breaches(compiled: BookStatement, totals: Sequence[int]) -> list[Breach]:
    """The conditions that these totals (one for each asset of the book) fail, in order.

    If none does and a row fails still, the book is too large for the statement; the breach names that row.
    """
    amounts = {asset.id: total for asset, total in zip(compiled.statement.assets, totals, strict=True)}
    found = [
        breach for each in compiled.conditions if (breach := _breach(compiled, each, amounts)) is not None
    ]
    if found:
        return found
    values, _ = _values(compiled, totals)
    return [
        Breach(row.label, "beyond what is provable", value - (1 << row.width) + 1, 0, "units")
        for row, value in zip(compiled.statement.rows, values, strict=True)
        if value >> row.width
    ]


def _breach(compiled: BookStatement, condition: Condition, amounts: Mapping[str, int]) -> Breach | None:
    value = condition.value(amounts)
    is_low = value < 0
    if not is_low and (condition.span is None or value <= condition.span):
        return None
    missing = -value if is_low else value - (condition.span or 0)
    if condition.is_value:
        units = compiled.definition.numbers.scale
        return Breach(condition.label, "above its share of equity", -(-missing // condition.scale), units, "")
    limit = condition.limit
    is_below = is_low and limit.least is not None
    scale = compiled.definition.document.scales[limit.greek]
    return Breach(condition.label, "below" if is_below else "above", missing, scale, limit.greek.value)


def book_bits(compiled: BookStatement, totals: Sequence[int]) -> UInt8Array:
    """The packed bits of row values and auxiliary variables, one account; `ValueError` if a row fails."""
    values, parts = _values(compiled, totals)
    auxiliaries = WideIntegers.from_ints([parts], len(parts))
    return pack(compiled.statement, WideIntegers.from_ints([values]), auxiliaries)


def _values(compiled: BookStatement, totals: Sequence[int]) -> tuple[list[int], list[int]]:
    """In Python integers: totals go beyond 64 bits."""
    parts = [max(0, -totals[column]) for column in compiled.splits]
    return evaluate_account(compiled.statement.rows, dict(enumerate(totals)), parts), parts


class _Lowering:
    def __init__(
        self,
        definition: BalancedBook,
        conditions: tuple[Condition, ...],
        assets: Sequence[Asset],
        leaf_count: int,
    ) -> None:
        self._definition = definition
        self._conditions = conditions
        self._assets = tuple(assets)
        self._column = {asset.id: column for column, asset in enumerate(assets)}
        self._bound = totals_bound(leaf_count)
        self._bits = (2 * self._bound).bit_length()
        self._splits = sorted({self._column[asset] for condition in conditions for asset in condition.gross})

    def compile(self) -> BookStatement:
        used = tuple(sorted({self._column[asset] for each in self._conditions for asset in each.assets}))
        rows = [row for condition in self._conditions for row in self._rows(condition)]
        rows += [
            Row(f"{self._assets[column].id}: positive part", ((column, 1),), ((variable, 1),), 0, self._bits)
            for variable, column in enumerate(self._splits)
        ]
        rows += [
            Row(f"{self._assets[column].id} bounded", ((column, 1),), (), self._bound, self._bits)
            for column in used
            if column not in self._splits
        ]
        parts = tuple(
            Auxiliary(f"{self._assets[column].id}: negative part", self._bits) for column in self._splits
        )
        statement = Statement(self._assets, tuple(rows), parts, scope=Scope.ACCOUNT)
        self._check_no_wrap(statement)
        return BookStatement(statement, self._definition, self._conditions, tuple(self._splits), used)

    def _rows(self, condition: Condition) -> list[Row]:
        """A row for each end that the condition has, or one for both."""
        terms = {self._column[asset]: c for asset, c in condition.linear.items()}
        parts = {}
        for asset, size in condition.gross.items():
            column = self._column[asset]
            terms[column] = terms.get(column, 0) - size
            parts[self._splits.index(column)] = -2 * size
        low = tuple(sorted((column, c) for column, c in terms.items() if c))
        auxiliaries = tuple(sorted(parts.items()))
        label, constant, span = condition.label, condition.constant, condition.span
        if span is None:
            reach = sum(abs(c) for _, c in low) * self._bound
            greatest = constant if condition.gross else constant + reach
            return [Row(label, low, auxiliaries, constant, min(MAX_WIDTH, max(1, greatest.bit_length())))]
        width = span.bit_length()
        if span & (span + 1) == 0:
            return [Row(label, low, auxiliaries, constant, width)]
        high = tuple((column, -c) for column, c in low)
        return [
            Row(f"{label}: low", low, auxiliaries, constant, width),
            Row(f"{label}: high", high, auxiliaries, span - constant, width),
        ]

    def _check_no_wrap(self, statement: Statement) -> None:
        bounds = auxiliary_bounds(statement.auxiliaries)
        for row in statement.rows:
            reach = sum(abs(c) for _, c in row.positions) << self._bits
            reach += sum(abs(c) * bounds[variable] for variable, c in row.auxiliaries)
            if reach + abs(row.constant) + (1 << row.width) >= GROUP_ORDER:
                raise ClaimDocumentError(
                    MODEL_ROLE, f"row {row.label!r} could wrap around modulo the group order"
                )
