"""Pipeline templates: composed, filled in, made into pipelines, and compared with what was made from them.

- The same template and parameters give the same pipeline, always.
- Parameters are data: what stands in them is never read as a template.
- All faults are told, and with any there is no pipeline.
"""

from gitreg.templates.composing import Composition, Declared, Fetch, Taken, compose
from gitreg.templates.faults import Fault
from gitreg.templates.instances import Instance, Move, instance_faults, instantiate, move_to, template_ref
from gitreg.templates.rendering import Rendering, faults_of, render, standing_faults

__all__ = [
    "Composition",
    "Declared",
    "Fault",
    "Fetch",
    "Instance",
    "Move",
    "Rendering",
    "Taken",
    "compose",
    "faults_of",
    "instance_faults",
    "instantiate",
    "move_to",
    "render",
    "standing_faults",
    "template_ref",
]
