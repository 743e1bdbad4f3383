"""The sumcheck prover: coefficients of the round polynomials, before they are masked.

    claim   sum_{u,k} eq(tau, (u,k)) [ b~ (1 - b~) + lambda'_k b~ ],   b~ = b + s X_n (1 - X_n)
    t_j(X)  = sum_x eq(tau_{>j}, x) [ b~ (1 - b~) + lambda' b~ ](r_1 .. r_{j-1}, X, x)

over x in {0,1}^(n-j), with lambda' the multilinear polynomial of ``lambda_k / eq(tau_bits, k)``. In the
variable of the round, the table is ``b_0 + d X`` and lambda' is ``l_0 + g X``; e is ``eq(tau_{>j}, .)``.

Account rounds (j <= l). The rows' term needs one number per account, ``v_u = sum_k lambda_k b(u,k)``, because
``sum_k eq(tau_bits, k) lambda'_k b(u, k) = v_u``; it adds ``sum_u eq(tau_{>j,acc}, u) (v_1 - v_0)`` to the
coefficient of X. The rest, on the whole bit table, is the kernel's.

Bit rounds (l < j < n), the kernel's, on at most P entries:

    a_1 = sum e (d - 2 b_0 d + l_0 d + g b_0),    a_2 = sum e (g d - d^2)

Last round: one entry each, and s appears, because X_n is no longer summed over {0,1}. With ``D = d + s``,
``b~ = b_0 + D X - s X^2`` and

    a_1 = D - 2 b_0 D + l_0 D + g b_0             a_3 = 2 s D - s g
    a_2 = -s - D^2 + 2 b_0 s - l_0 s + g D        a_4 = -s^2
"""

from __future__ import annotations

from collections.abc import Sequence

from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend, ScalarVector
from primitives.kernels import AccountSumcheck, ArgumentKernels, BitSumcheck
from primitives.multilinear import bind_first, equality_table, halves, padded
from primitives.parameters import GROUP_ORDER


class SumcheckProver:
    """Binds the n variables, first variable first.

    `account_values` are the v_u (U of them), `bit_weights` the lambda_k (W of them), `last_mask` is s.
    """

    def __init__(
        self,
        backend: Backend,
        kernels: ArgumentKernels,
        shape: ArgumentShape,
        tau: Sequence[int],
        accounts: AccountSumcheck,
        *,
        account_values: ScalarVector,
        bit_weights: ScalarVector,
        last_mask: int,
    ) -> None:
        self._backend = backend
        self._kernels = kernels
        self._shape = shape
        self._tau = tuple(tau)
        self._accounts = accounts
        self._values = padded(backend, account_values, 1 << shape.account_variables)
        self._bit_weights = bit_weights
        self._last_mask = last_mask
        self._bound = 0
        self._bits: BitSumcheck | None = None
        self._row_combination = backend.scalars_from_ints([])
        self._evaluation = 0
        self._after_binding()

    def __repr__(self) -> str:
        return "SumcheckProver(...)"

    @property
    def row_combination(self) -> ScalarVector:
        """``bbar = sum_i eq(r_top, i) row_i``, known once the n - rho variables of r_top are bound."""
        return self._row_combination

    @property
    def evaluation(self) -> int:
        """``y = b~(r_1 .. r_n)``, known once all variables are bound."""
        return self._evaluation

    def round_coefficients(self) -> list[int]:
        """``a_{j,1}, a_{j,2}`` of the next round, in the last one also ``a_{j,3}, a_{j,4}``."""
        if self._bits is None:
            return self._account_round()
        if self._bound < self._shape.variables - 1:
            return list(self._bits.round_coefficients())
        return self._last_round(self._bits)

    def bind(self, challenge: int) -> None:
        """Set the variable of this round to r_j."""
        if self._bits is None:
            self._accounts.bind(challenge)
            self._values = bind_first(self._values, challenge)
        else:
            self._bits.bind(challenge)
        self._bound += 1
        self._after_binding()
        if self._bits is not None and self._bound == self._shape.variables:
            mask = self._last_mask * challenge * (1 - challenge)
            self._evaluation = (self._bits.table().to_ints()[0] + mask) % GROUP_ORDER

    def _after_binding(self) -> None:
        """Begin the bit rounds once all accounts are bound; take bbar once all of r_top is."""
        if self._bound == self._shape.account_variables:
            later = self._tau[self._bound :]
            self._bits = self._kernels.bit_sumcheck(self._accounts.table(), self._bit_weights, later)
        if self._bound == self._shape.row_index_variables:
            self._row_combination = (self._accounts if self._bits is None else self._bits).table()

    def _account_round(self) -> list[int]:
        linear, quadratic = self._accounts.round_coefficients()
        left, right = halves(self._values)
        later = self._tau[self._bound + 1 : self._shape.account_variables]
        rows = equality_table(self._backend, later).inner(right.sub(left))
        return [(linear + rows) % GROUP_ORDER, quadratic]

    def _last_round(self, bits: BitSumcheck) -> list[int]:
        b_0, b_1 = bits.table().to_ints()
        l_0, l_1 = bits.weights().to_ints()
        s, g = self._last_mask, l_1 - l_0
        slope = b_1 - b_0 + s
        coefficients = [
            slope - 2 * b_0 * slope + l_0 * slope + g * b_0,
            -s - slope * slope + 2 * b_0 * s - l_0 * s + g * slope,
            2 * s * slope - s * g,
            -s * s,
        ]
        return [coefficient % GROUP_ORDER for coefficient in coefficients]
