"""Reading a published registry: `gitreg get --from URL` and a node that needs no Git."""
