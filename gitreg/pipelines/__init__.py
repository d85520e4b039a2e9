"""Pipelines as graphs: what flows, in which order and how long, what they are locked to, and how new lines begin."""

from gitreg.pipelines.data import dag_data
from gitreg.pipelines.shape import Flow, Shape, shape_of

__all__ = ["Flow", "Shape", "dag_data", "shape_of"]
