"""How long a real catalogue takes to import and to index, against reading its JSON, and how much memory.

The catalogue is `../shared/data/litellm` beside the project where that is there, else 3,000 invented rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROWS = 3_000
REAL = Path(__file__).parent.parent.parent / "shared/data/litellm/model_prices_and_context_window.json"
CHILD = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from gitreg.importers.litellm import importer
from gitreg.registry import Registry
from gitreg.repository.git import Signature
from gitreg_indexer import Index

author = Signature("Example Author", "author@example.com", datetime.now(UTC))
registry = Registry.init(Path(sys.argv[1]), name="bench", author=author)
raw = Path(sys.argv[2]).read_bytes()
took = []
for _ in range(2):
    started = time.perf_counter()
    report = importer.run(registry, raw, author=author, when=None, origin="bench").as_data()
    took.append(time.perf_counter() - started)
started = time.perf_counter()
index = Index.open(registry).catch_up().as_data()
took.append(time.perf_counter() - started)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"read": report["read"], "records": index["records"], "took": took, "kib": int(peak.split()[1])}))
"""


def invented() -> bytes:
    """Make a catalogue in the same shape."""
    rows = {
        f"vendor-{number % 40}/model-{number}": {
            "litellm_provider": f"vendor-{number % 40}",
            "mode": "chat",
            "max_input_tokens": 8192 * (1 + number % 16),
            "max_output_tokens": 4096,
            "input_cost_per_token": number * 1e-9,
            "output_cost_per_token": number * 4e-9,
            "supports_function_calling": True,
        }
        for number in range(ROWS)
    }
    return json.dumps(rows).encode()


def main(_argv: Sequence[str] = ()) -> None:
    """Measure in a process of its own, and print seconds and ratios."""
    raw = REAL.read_bytes() if REAL.is_file() else invented()
    started = time.perf_counter()
    json.loads(raw)
    bare = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalogue.json"
        file.write_bytes(raw)
        command = [sys.executable, "-c", CHILD, str(Path(folder) / "registry"), str(file)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    print(f"{found['read']} rows, {found['records']} records, peak memory {found['kib'] / 1024:.0f} MB")
    print(f"{'json.loads alone':24}{bare:8.3f} s{1:8.1f}x")
    for label, seconds in zip(("import", "import again, unchanged", "index"), found["took"], strict=True):
        print(f"{label:24}{seconds:8.3f} s{seconds / bare:8.1f}x")


if __name__ == "__main__":
    main()
