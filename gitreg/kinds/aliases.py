"""Aliases: names for versions that move, like `stable` and `production`; one file beside the versions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from pydantic.functional_validators import AfterValidator

from gitreg.kinds._base import Manifest, NamespacedMetadata, Part, VersionText
from gitreg.refs import ALIAS_PATTERN, LATEST, Address, is_alias


def _checked_alias(text: str) -> str:
    if text == LATEST:
        raise ValueError("another alias than `latest`, which is computed from the versions")
    if not is_alias(text):
        raise ValueError("an alias that does not read as a version or a range")
    return text


AliasName = Annotated[str, StringConstraints(pattern=ALIAS_PATTERN), AfterValidator(_checked_alias)]


class AliasesSpec(Part):
    """Where each alias points."""

    of: Literal[
        "Model", "Dataset", "Config", "Pipeline", "PipelineTemplate", "TestSuite", "Policy", "MetadataSchema"
    ] = Field("Model", description="The kind whose versions are named.")
    aliases: dict[AliasName, VersionText] = Field(description="The version that each alias names.")


class Aliases(Manifest):
    """The aliases of one model, pipeline or other versioned record."""

    example = """\
apiVersion: gitreg/v1
kind: Aliases
metadata:
  namespace: acme/nlp
  name: summarizer
spec:
  of: Model
  aliases:
    production: 1.1.0
    stable: 1.2.0
"""

    kind: Literal["Aliases"] = Field(description="The kind of record.")
    metadata: NamespacedMetadata = Field(description="Whose aliases they are.")
    spec: AliasesSpec = Field(description="What they are.")

    @property
    def address(self) -> Address:
        """Say who this record is: the aliases of a name of a kind."""
        return Address("Aliases", self.metadata.namespace, self.metadata.name, of=self.spec.of)
