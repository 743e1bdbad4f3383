"""What models around a margin model have in common: the inner model in the document, its rows inside theirs.

The document of a wrapper has the inner model as an object, without a format of its own:

    {"format": "sealedbook/model/v1", "kind": "insured", "version": 1,
     "margin": {"kind": "span", "version": 1, ...}, ...}

A wrapper may stand inside another one, `MAX_WRAPPERS` of them at most and no kind twice. What a wrapper cannot be built
around it, not even with others in between, it names in `refuses`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from circuits.modelling import Expression, Model, ModelError
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.model import Margin
from circuits.modelling.words import ColumnWords, ModelWords
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from circuits.statement_errors import StatementError
from circuits.wrappers.evaluation import ConditionsEvaluator
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.strict_json import Json, JsonObject

MARGIN_FIELD: Final = "margin"
MAX_WRAPPERS: Final = 3


@dataclass(frozen=True)
class Wrapper(ModelDefinition):
    """A model around the margin model `inner`, with its units and bounds."""

    refuses: ClassVar[Mapping[str, str]] = {}
    """Kinds of wrappers that it cannot be built around, and why not, to follow "is refused here:"."""

    inner: ModelDefinition

    @property
    def numbers(self) -> Numbers:
        """Those of the inner model."""
        return self.inner.numbers

    @property
    def has_equity(self) -> bool:
        """As the inner model."""
        return self.inner.has_equity

    @property
    def has_net_equity(self) -> bool:
        """As the inner model."""
        return self.inner.has_net_equity

    @property
    def columns(self) -> tuple[str, ...]:
        """Assets of the book that are this model's own, which the inner model does not see."""
        return ()

    def value_cap(self, assets: Sequence[Asset], market: PublicMarket | None) -> int:
        """That of the inner model, for the assets that it sees."""
        return self.inner.value_cap([asset for asset in assets if asset.id not in self.columns], market)

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """Of the condition with the least to spare, in whole value units, and its name.

        What is for one account alone can be evaluated as well.
        """
        try:
            return ConditionsEvaluator(self.model(assets, market, Scope.ACCOUNT), backend)
        except StatementError as error:
            raise ModelError(f"no valid statement comes of this model: {error}") from error

    @property
    @abstractmethod
    def subject(self) -> str:
        """What the model adds, to stand before the inner model's title."""

    def words_around(
        self,
        conditions: Sequence[str],
        conservative: Sequence[str] = (),
        *,
        when: str = "",
        columns: Sequence[ColumnWords] = (),
    ) -> ModelWords:
        """`conditions`, then those of the inner model, which hold `when`, and what is conservative in either."""
        inner = self.inner.words()
        return ModelWords(
            f"{self.subject}, on top of: {inner.title}",
            (*conditions, *(f"{when}{condition}" for condition in inner.conditions)),
            (*conservative, *inner.conservative),
            (*columns, *inner.columns),
        )


def read_inner(fields: JsonObject, wrapper: type[Wrapper]) -> ModelDefinition:
    """The inner model, from the field ``margin``; `JsonError` names the entry at fault."""
    from circuits.models import MODEL_DEFINITIONS

    _check_nesting(fields, wrapper)
    inner = fields.object(MARGIN_FIELD)
    kind = inner.text("kind", max_length=64)
    if kind not in MODEL_DEFINITIONS:
        raise inner.fail("kind", f"{kind!r} is no margin model; there are {', '.join(MODEL_DEFINITIONS)}")
    definition = MODEL_DEFINITIONS[kind]
    inner.integer("version", minimum=definition.version, maximum=definition.version)
    made = definition.from_json(inner)
    inner.finish()
    return made


def _check_nesting(fields: JsonObject, wrapper: type[Wrapper]) -> None:
    """Before anything inside is read: too many wrappers, one kind twice, or one that is refused, however deep."""
    from circuits.models import MODEL_DEFINITIONS

    kinds, value, path = [wrapper.kind], fields.peek(MARGIN_FIELD), fields.path(MARGIN_FIELD)
    while isinstance(value, dict):
        kind: Json = value.get("kind")
        if not isinstance(kind, str) or not issubclass(MODEL_DEFINITIONS.get(kind, ModelDefinition), Wrapper):
            return
        if kind in kinds:
            raise JsonObject(value, path).fail("kind", f"{kind!r} stands inside another {kind!r}")
        if kind in wrapper.refuses:
            raise JsonObject(value, path).fail("kind", f"{kind!r} is refused here: {wrapper.refuses[kind]}")
        kinds.append(kind)
        if len(kinds) > MAX_WRAPPERS:
            raise JsonObject(value, path).fail("kind", f"is wrapped more than {MAX_WRAPPERS - 1} times")
        value, path = value.get(MARGIN_FIELD), f"{path}.{MARGIN_FIELD}"


def pass_on(
    model: Model,
    margin: Margin,
    *,
    equity: Expression | None = None,
    requirement: Expression | None = None,
    scenarios: Mapping[str, Expression] | None = None,
    scale: int = 1,
    is_reported: bool | None = None,
) -> None:
    """Require `margin`, changed: in units of ``1/(scale margin.scale)`` value unit if it was made finer.

    Who leaves the requirement out leaves out the scenarios too, which are made of its parts.
    """
    changed = replace(
        margin,
        equity=margin.equity if equity is None else equity,
        requirement=margin.requirement if requirement is None else requirement,
        scenarios=margin.scenarios if scenarios is None else scenarios,
        is_reported=margin.is_reported if is_reported is None else is_reported,
    )
    model.require_margin(
        changed.equity,
        changed.requirement,
        label=changed.label,
        scenarios=changed.scenarios,
        scale=scale * changed.scale,
        compartment=changed.compartment,
        is_reported=changed.is_reported,
    )
