"""Manifests: strict YAML in, canonical YAML out."""

from gitreg.manifests._subset import MAX_BYTES, MAX_DEPTH
from gitreg.manifests.difference import FieldChange, differences, is_same, sameness, without
from gitreg.manifests.reader import Reading, manifest_from_data, point_all, point_at, read_manifest, split_path
from gitreg.manifests.writer import (
    SCHEMA_FOLDER,
    dump_yaml,
    edit_manifest,
    format_manifest,
    schema_line,
    to_data,
    write_manifest,
)

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "SCHEMA_FOLDER",
    "FieldChange",
    "Reading",
    "differences",
    "dump_yaml",
    "edit_manifest",
    "format_manifest",
    "is_same",
    "manifest_from_data",
    "point_all",
    "point_at",
    "read_manifest",
    "sameness",
    "schema_line",
    "split_path",
    "to_data",
    "without",
    "write_manifest",
]
