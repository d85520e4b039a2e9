"""Dataset: one version of a dataset that models are trained or tested on. The data itself lies elsewhere."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitreg.kinds._base import (
    Count,
    Custom,
    Dependency,
    JsonSchema,
    Line,
    Manifest,
    Part,
    RefText,
    Release,
    Slug,
    Tag,
    Url,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)
from gitreg.kinds.model import Attestation, Checksum


class Source(Part):
    """A dataset that this one was made from."""

    ref: RefText = Field(description="The source, usually an exact version: `dataset:acme/tickets-raw@1.0.0`.")
    transformation: Line | None = Field(None, description="What was done to it, like `deduplicated`.")


class DatasetSpec(Part):
    """What one version of a dataset is."""

    format: Slug = Field(description="How it is stored, like `parquet`, `jsonl` or `csv`.")
    checksum: Checksum = Field(description="The digest that pins down what this version is.")
    attestations: tuple[Attestation, ...] = Field((), description="What was signed and stated about the data.")
    uri: Url | None = Field(None, description="Where the data lies.")
    records: Count | None = Field(None, description="How many records it holds.")
    bytes: Count | None = Field(None, description="How large it is, in bytes.")
    languages: tuple[Tag, ...] = Field((), description="Languages in it, as lower-case BCP 47 tags.")
    splits: dict[Slug, Count] = Field({}, description="Records in each split, like `train: 90000`.")
    record_schema: JsonSchema | None = Field(None, description="JSON Schema of one record.")
    license: Line | None = Field(None, description="SPDX expression or the licence's name.")
    contains_personal_data: bool | None = Field(None, description="Whether there is personal data in it.")
    sources: tuple[Source, ...] = Field((), description="The datasets that it was made from.")
    dependencies: tuple[Dependency, ...] = Field((), description="What else it needs, with version ranges.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    custom: Custom = mutable({})


class Dataset(Manifest):
    """One version of a dataset."""

    example = """\
apiVersion: gitreg/v1
kind: Dataset
metadata:
  namespace: acme/nlp
  name: tickets
  version: 1.0.0
  description: Support tickets of two years, names removed.
  tags:
  - support
  owner: nlp-team
spec:
  format: jsonl
  checksum:
    of: artifact
    digest: 9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab
  uri: s3://acme-data/tickets/1.0.0/
  records: 184203
  bytes: 412876544
  languages:
  - en
  - de
  splits:
    test: 18421
    train: 165782
  license: proprietary
  containsPersonalData: false
  sources:
  - ref: dataset:acme/nlp/tickets-raw@1.0.0
    transformation: names and addresses removed, duplicates dropped
"""

    kind: Literal["Dataset"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: DatasetSpec = Field(description="What it is.")
