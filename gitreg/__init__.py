"""A GitOps registry for LLM models: YAML manifests in Git, answers from an index."""
