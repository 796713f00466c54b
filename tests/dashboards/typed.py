"""Writes each dashboard as TypeScript that compiles only if it is one by Grafana's types.

typed.py FOLDER FILE…
"""

import sys
from pathlib import Path


def main():
    folder, *files = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    types = Path(__file__).with_name("grafana.ts").read_text("utf-8")
    (folder / "grafana.ts").write_text(types, "utf-8")
    for file in files:
        module = (
            "import type { Strict } from './grafana';\n"
            f"export const dashboard: Strict = {file.read_text('utf-8')};\n"
        )
        (folder / f"{file.parent.name}-{file.stem}.ts").write_text(module, "utf-8")


main()
