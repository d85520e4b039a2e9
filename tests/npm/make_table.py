"""Write tests/data/npm_ranges.json: facts that npm's `semver` told, for tests that run without npm.

Run `python tests/npm/make_table.py` after `npm install --prefix build/npm semver`.
"""

from __future__ import annotations

import json

from test_node_semver_oracle import ODD, OPTIONS, ROOT, Maker, Question, ask_npm

TABLE = ROOT / "tests/data/npm_ranges.json"
VERSIONS = ("0.0.0", "0.0.1", "0.1.2", "1.2.3", "1.2.3-a", "1.2.3-beta", "1.9.0", "2.0.0-0", "2.0.0", "3.1.4")


def table_questions() -> list[Question]:
    """Ask each odd range and as many random ones of a version that they are likely to tell apart."""
    make = Maker(2026)
    ranges = list(ODD["ranges"])
    ranges += [make.range() for _ in range(120)]
    asked = []
    for text in ranges:
        wanted = {"op": "satisfies", "range": text, "options": make.random.choice(OPTIONS)}
        asked.append(wanted | {"version": make.random.choice(VERSIONS)})
    return asked


def row(question: Question, said: object) -> str:
    """Give one fact as one line of JSON."""
    options = question["options"]
    fact = {
        "version": question["version"],
        "range": question["range"],
        "include_prerelease": options.get("includePrerelease", False),
        "loose": options.get("loose", False),
        "expected": said,
    }
    return json.dumps(fact)


def main() -> None:
    """Ask npm and write the table, one fact a line."""
    asked = table_questions()
    rows = dict.fromkeys(row(question, said) for question, said in zip(asked, ask_npm(asked), strict=True))
    TABLE.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
