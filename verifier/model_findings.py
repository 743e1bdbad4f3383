"""What a report says of margin models: their conditions in plain words, their size, and what is conservative.

The words are made of the model document that the statement was compiled from here, never of anything that the
attestation or the certificate says about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.describe import describe
from circuits.integrality import loose_positions
from circuits.modelling.words import ModelWords
from circuits.statement import Statement
from primitives.strict_json import Json
from verifier.findings import Finding, Level


def condition_findings(subject: str, words: ModelWords, statement: Statement) -> list[Finding]:
    """What is proven, one line a condition; not proven of single accounts if positions need not be integers.

    Then a row is proven modulo the group order only, which an account can satisfy whatever it owes
    (`circuits.integrality`).
    """
    loose = [statement.assets[index].id for index in loose_positions(statement.rows, statement.auxiliaries)]
    if not loose:
        return [Finding(subject, condition, Level.PROVEN) for condition in words.conditions]
    why = f"modulo the group order only, because no row makes {', '.join(loose[:6])} whole numbers"
    return [Finding(subject, f"{condition}: {why}", Level.NOT_PROVEN) for condition in words.conditions]


def model_findings(name: str, words: ModelWords, statement: Statement) -> list[Finding]:
    """The model by name and size, and what is conservative in it."""
    return [
        Finding(f"Margin model{name}", f"{words.title}; {size_text(statement)}", Level.RECOMPUTED),
        *(Finding(f"Conservative{name}", text, Level.RECOMPUTED) for text in words.conservative),
    ]


def row_findings(name: str, statement: Statement) -> list[Finding]:
    """Every row and auxiliary variable as a formula, in base units."""
    return [Finding(f"Row{name}", line, Level.RECOMPUTED) for line in describe(statement)]


def size_text(statement: Statement) -> str:
    """Rows, bits and booleans."""
    booleans = sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries)
    return (
        f"{len(statement.rows):,} rows, {len(statement.auxiliaries):,} auxiliary variables of which {booleans:,} "
        f"booleans, {statement.bit_count:,} bits an account"
    )


def model_figures(words: ModelWords | None, statement: Statement) -> dict[str, Json]:
    """For programs; `model` is null for statements that are rows and nothing else."""
    return {
        "rows": len(statement.rows),
        "auxiliaries": len(statement.auxiliaries),
        "booleans": sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries),
        "bits_per_account": statement.bit_count,
        "model": None if words is None else words_figures(words),
    }


def words_figures(words: ModelWords) -> dict[str, Json]:
    """The words, for programs."""
    conditions: Sequence[Json] = words.conditions
    conservative: Sequence[Json] = words.conservative
    return {"title": words.title, "conditions": list(conditions), "conservative": list(conservative)}
