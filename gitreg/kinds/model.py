"""Model: one version of one model, one file.

- What the model is (provider, type, checksum, capabilities, schemas, ancestry) is frozen when the version lands.
- How it is reached, priced and retired (endpoints, pricing, lifecycle, custom) may change, and Git keeps the history.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from gitreg.kinds._base import (
    Count,
    Custom,
    Day,
    Dependency,
    JsonSchema,
    Line,
    Manifest,
    Milliseconds,
    NonNegative,
    Part,
    PositiveCount,
    RefText,
    Release,
    Sha256,
    Slug,
    Tag,
    Url,
    VersionedMetadata,
    VersionLifecycle,
    mutable,
)

WELL_KNOWN_PROVIDERS: Final[dict[str, str]] = {
    "ai21": "AI21 Labs",
    "aiml": "AI/ML API",
    "amazon-nova": "Amazon Nova",
    "anthropic": "Anthropic",
    "anyscale": "Anyscale",
    "apiserpent": "API Serpent",
    "assemblyai": "AssemblyAI",
    "aws-polly": "Amazon Polly",
    "azure": "Azure OpenAI",
    "azure-ai": "Azure AI Foundry",
    "baseten": "Baseten",
    "bedrock": "Amazon Bedrock",
    "black-forest-labs": "Black Forest Labs",
    "cerebras": "Cerebras",
    "chatgpt": "ChatGPT",
    "cloudflare": "Cloudflare Workers AI",
    "codestral": "Codestral by Mistral AI",
    "cohere": "Cohere",
    "crusoe": "Crusoe",
    "custom": "One's own",
    "darkbloom": "Darkbloom",
    "dashscope": "Alibaba DashScope",
    "databricks": "Databricks",
    "dataforseo": "DataForSEO",
    "deepgram": "Deepgram",
    "deepinfra": "DeepInfra",
    "deepseek": "DeepSeek",
    "duckduckgo": "DuckDuckGo",
    "elevenlabs": "ElevenLabs",
    "exa-ai": "Exa",
    "fal-ai": "fal",
    "featherless-ai": "Featherless",
    "firecrawl": "Firecrawl",
    "fireworks-ai": "Fireworks AI",
    "friendliai": "FriendliAI",
    "gemini": "Google Gemini API",
    "gigachat": "GigaChat",
    "github-copilot": "GitHub Copilot",
    "gmi": "GMI Cloud",
    "google": "Google",
    "google-pse": "Google Programmable Search",
    "gradient-ai": "Gradient AI",
    "groq": "Groq",
    "heroku": "Heroku",
    "huggingface": "Hugging Face",
    "hyperbolic": "Hyperbolic",
    "inception": "Inception Labs",
    "jina-ai": "Jina AI",
    "lambda-ai": "Lambda",
    "lemonade": "Lemonade",
    "libertai": "LibertAI",
    "linkup": "Linkup",
    "llamagate": "LlamaGate",
    "meta": "Meta",
    "meta-llama": "Meta Llama API",
    "minimax": "MiniMax",
    "mistral": "Mistral AI",
    "moonshot": "Moonshot AI",
    "morph": "Morph",
    "nebius": "Nebius",
    "nlp-cloud": "NLP Cloud",
    "novita": "Novita AI",
    "nscale": "Nscale",
    "nvidia-nim": "NVIDIA NIM",
    "oci": "Oracle Cloud Infrastructure",
    "ollama": "Ollama",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "ovhcloud": "OVHcloud",
    "palm": "Google PaLM",
    "parallel-ai": "Parallel AI",
    "perplexity": "Perplexity",
    "pinstripes": "Pinstripes",
    "publicai": "Public AI",
    "recraft": "Recraft",
    "reducto": "Reducto",
    "replicate": "Replicate",
    "runwayml": "Runway",
    "sagemaker": "Amazon SageMaker",
    "sambanova": "SambaNova",
    "sarvam": "Sarvam AI",
    "scaleway": "Scaleway",
    "searxng": "SearXNG",
    "serper": "Serper",
    "snowflake": "Snowflake Cortex",
    "soniox": "Soniox",
    "stability": "Stability AI",
    "tavily": "Tavily",
    "tencent": "Tencent",
    "tensormesh": "Tensormesh",
    "tinyfish": "TinyFish",
    "together-ai": "Together AI",
    "v0": "v0 by Vercel",
    "vercel-ai-gateway": "Vercel AI Gateway",
    "vertex-ai": "Google Vertex AI",
    "volcengine": "Volcengine",
    "voyage": "Voyage AI",
    "wandb": "Weights & Biases",
    "watsonx": "IBM watsonx",
    "xai": "xAI",
    "you-com": "You.com",
    "zai": "Z.ai",
}

ModelType = Literal[
    "completion",
    "embedding",
    "vision",
    "function-calling",
    "multi-modal",
    "rerank",
    "moderation",
    "image-generation",
    "image-edit",
    "audio-transcription",
    "speech",
    "video-generation",
    "realtime",
    "ocr",
    "search",
    "vector-store",
]


class Checksum(Part):
    """The digest that pins down what this version is."""

    of: Literal["artifact", "source-record"] = Field(
        description="What was digested: the artifact's bytes, or, for a model that is only served by an API, "
        "the canonical (RFC 8785) JSON of the source record that describes it."
    )
    algorithm: Literal["sha256"] = Field("sha256", description="The digest's algorithm.")
    digest: Sha256 = Field(description="64 lower-case hexadecimal digits.")


class Attestation(Part):
    """A statement about the artifact that somebody signed: who made it, how, and of what. It is kept elsewhere."""

    type: Literal["signature", "provenance", "sbom"] = Field(description="What it states.")
    format: Slug = Field(description="How it is written, like `sigstore-bundle`, `slsa-v1` or `spdx`.")
    uri: Url = Field(description="Where it lies.")
    digest: Sha256 | None = Field(None, description="Its SHA-256; with it the statement cannot be exchanged.")


class Capabilities(Part):
    """What the model can do. A capability that is not stated is unknown, not absent."""

    context_length: PositiveCount | None = Field(None, description="Context window in tokens.")
    max_output_tokens: PositiveCount | None = Field(None, description="Longest answer in tokens.")
    supports_functions: bool | None = Field(None, description="Calls functions (tools).")
    supports_vision: bool | None = Field(None, description="Reads images.")
    supports_streaming: bool | None = Field(None, description="Streams its answer.")
    supports_batching: bool | None = Field(None, description="Takes batches of requests.")
    languages: tuple[Tag, ...] = Field((), description="Languages it is made for, as lower-case BCP 47 tags.")
    modalities: tuple[Literal["text", "image", "audio", "video", "file", "embedding", "json"], ...] = Field(
        (), description="Everything that it reads or writes."
    )
    input_modalities: tuple[Literal["text", "image", "audio", "video", "file", "json"], ...] = Field(
        (), description="What it reads."
    )
    output_modalities: tuple[Literal["text", "image", "audio", "video", "file", "embedding", "json"], ...] = Field(
        (), description="What it writes."
    )
    embedding_dimensions: PositiveCount | None = Field(None, description="Length of the vectors it gives.")
    features: tuple[Slug, ...] = Field((), description="Further abilities, like `prompt-caching` or `reasoning`.")


class Authentication(Part):
    """How a caller proves who it is. Never holds a secret."""

    type: Literal["api-key", "oauth2", "mtls", "none"] = Field(description="The scheme.")
    header_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = Field(
        None, description="The HTTP header that carries the key."
    )
    token_endpoint: Url | None = Field(None, description="Where OAuth 2 tokens come from.")
    scopes: tuple[Line, ...] = Field((), description="OAuth 2 scopes to ask for.")


class RateLimit(Part):
    """What the endpoint lets through."""

    requests_per_minute: PositiveCount | None = Field(None, description="Requests a minute.")
    requests_per_day: PositiveCount | None = Field(None, description="Requests a day.")
    tokens_per_minute: PositiveCount | None = Field(None, description="Tokens a minute.")


class Endpoint(Part):
    """Where the model answers."""

    type: Literal["rest", "grpc", "graphql"] = Field(description="The protocol.")
    url: Url = Field(description="Its address, without credentials.")
    authentication: Authentication = Field(description="How to authenticate.")
    rate_limit: RateLimit | None = Field(None, description="What it lets through.")
    timeout: Milliseconds | None = Field(None, description="How long to wait for an answer, in milliseconds.")
    region: Line | None = Field(None, description="Where it runs, in the provider's words.")


class TokenPrices(Part):
    """Prices for a million tokens, by what the tokens are."""

    input: NonNegative | None = Field(None, description="Text read.")
    output: NonNegative | None = Field(None, description="Text written.")
    cache_read: NonNegative | None = Field(None, description="Input found in the prompt cache.")
    cache_write: NonNegative | None = Field(None, description="Input put into the prompt cache.")
    cache_write_long: NonNegative | None = Field(None, description="Input put into the cache for an hour or longer.")
    reasoning: NonNegative | None = Field(None, description="Thinking written.")
    citation: NonNegative | None = Field(None, description="Citations written.")
    audio_input: NonNegative | None = Field(None, description="Audio read.")
    audio_output: NonNegative | None = Field(None, description="Audio written.")
    audio_cache_read: NonNegative | None = Field(None, description="Audio found in the prompt cache.")
    audio_cache_write: NonNegative | None = Field(None, description="Audio put into the prompt cache.")
    image_input: NonNegative | None = Field(None, description="Images read, as tokens.")
    image_output: NonNegative | None = Field(None, description="Images written, as tokens.")
    video_output: NonNegative | None = Field(None, description="Video written, as tokens.")


ServiceLevel = Literal["standard", "batch", "flex", "priority"]


class PriceTier(Part):
    """Prices under a condition; what it does not price costs what the base price says."""

    service: ServiceLevel = Field("standard", description="The service level that is bought.")
    above_input_tokens: Count = Field(0, description="The tier holds for requests with more input tokens than this.")
    up_to_input_tokens: PositiveCount | None = Field(None, description="And with at most this many.")
    per_million_tokens: TokenPrices = Field(description="The prices in this tier.")


class UnitPrice(Part):
    """The price of one of something that is not a token."""

    unit: Literal[
        "request",
        "query",
        "image",
        "pixel",
        "second",
        "video-second",
        "audio-second",
        "character",
        "page",
        "credit",
        "session",
        "gigabyte-day",
        "compute-unit",
    ] = Field(description="What is counted.")
    direction: Literal["input", "output"] | None = Field(None, description="Whether it is read or written.")
    price: NonNegative = Field(description="What one costs.")
    above_input_tokens: Count = Field(0, description="The price holds for requests with more input tokens than this.")
    detail: Line | None = Field(None, description="What sets this price apart from others of the same unit.")


class Pricing(Part):
    """What it costs. Mutable: the dated history of prices is the history of this block."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(description="ISO 4217 code, like `USD`.")
    effective_date: Day | None = Field(None, description="The day from which these prices hold.")
    source: Url | None = Field(None, description="Where the prices are published.")
    per_million_tokens: TokenPrices | None = Field(None, description="The base prices.")
    tiers: tuple[PriceTier, ...] = Field((), description="Prices by service level and size of the request.")
    units: tuple[UnitPrice, ...] = Field((), description="Prices of what is not counted in tokens.")


class Derivation(Part):
    """What this model was made from."""

    ref: RefText = Field(description="The parent, usually an exact version: `acme/base@2.1.0`.")
    method: Literal[
        "fine-tuning",
        "distillation",
        "quantization",
        "merge",
        "adapter",
        "continued-pretraining",
        "deployment",
    ] = Field("fine-tuning", description="How it was made.")


class ModelSpec(Part):
    """What one version of a model is."""

    provider: Slug = Field(description="Who serves or makes it; see the list of well-known providers.")
    type: ModelType = Field(description="What it is for.")
    category: tuple[Slug, ...] = Field((), description="What it is good at, like `general`, `code` or `reasoning`.")
    checksum: Checksum = Field(description="The digest that pins down what this version is.")
    attestations: tuple[Attestation, ...] = Field((), description="What was signed and stated about the artifact.")
    artifact_uri: Url | None = Field(None, description="Where the artifact lies, if there is one.")
    license: Line | None = Field(None, description="SPDX expression or the licence's name.")
    capabilities: Capabilities = Field(default_factory=Capabilities, description="What it can do.")
    input_schema: JsonSchema | None = Field(None, description="JSON Schema of what it takes.")
    output_schema: JsonSchema | None = Field(None, description="JSON Schema of what it gives.")
    derived_from: tuple[Derivation, ...] = Field((), description="The models that it was made from.")
    dependencies: tuple[Dependency, ...] = Field((), description="What it needs, with version ranges.")
    release: Release | None = Field(None, description="What is new in this version.")
    lifecycle: VersionLifecycle = mutable(default_factory=VersionLifecycle, description="Where it stands.")
    endpoints: tuple[Endpoint, ...] = mutable((), description="Where it answers.")
    pricing: Pricing | None = mutable(description="What it costs.")
    custom: Custom = mutable({})


class Model(Manifest):
    """One version of a model."""

    example = """\
apiVersion: gitreg/v1
kind: Model
metadata:
  namespace: acme/nlp
  name: summarizer
  version: 1.2.0
  description: Summarises support tickets in three sentences.
  tags:
  - summarization
  - support
  owner: nlp-team
spec:
  provider: huggingface
  type: completion
  category:
  - general
  checksum:
    of: artifact
    digest: 3f5a1c7d9e2b4860a1f3c5d7e9b2846050f1e3d5c7b9a8642013579bdf02468a
  artifactUri: s3://acme-models/summarizer/1.2.0/model.safetensors
  license: apache-2.0
  capabilities:
    contextLength: 32768
    maxOutputTokens: 2048
    supportsStreaming: true
    languages:
    - en
    - de
    modalities:
    - text
  derivedFrom:
  - ref: acme/base/ministral-8b@1.0.0
    method: fine-tuning
  dependencies:
  - ref: dataset:acme/nlp/tickets@^1.0
    purpose: training data
  release:
    changelog: Trained on the tickets of the second quarter.
    previousVersion: 1.1.0
  lifecycle:
    status: active
  endpoints:
  - type: rest
    url: https://models.acme.example/summarizer/v1
    authentication:
      type: api-key
      headerName: X-Api-Key
    rateLimit:
      requestsPerMinute: 600
  pricing:
    currency: USD
    effectiveDate: '2026-07-01'
    perMillionTokens:
      input: 0.2
      output: 0.8
  custom:
    acme:
      costCentre: '4711'
"""

    kind: Literal["Model"] = Field(description="The kind of record.")
    metadata: VersionedMetadata = Field(description="Who it is.")
    spec: ModelSpec = Field(description="What it is.")
