"""The graph that records draw by what they say of each other, at any moment: lineage, impact, ways, orphans."""
