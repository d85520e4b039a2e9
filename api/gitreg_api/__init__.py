"""The read API: every answer comes from the index and says which commit it speaks of."""
