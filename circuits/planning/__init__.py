"""Planning the smallest trades that bring a portfolio back into its bands (docs/planning.md)."""

from circuits.planning.planner import Plan, PlanError, Planner, Trade
from circuits.planning.problem import PlanningProblem

__all__ = ["Plan", "PlanError", "Planner", "PlanningProblem", "Trade"]
