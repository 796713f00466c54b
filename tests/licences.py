"""Checks every dependency's licence against the list in deny.toml.

Reads the output of `cargo metadata` from standard input. `cargo deny check` does the same and
more, where it is installed.
"""

import json
import re
import sys
import tomllib


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Evaluates an SPDX expression; the old `A/B` means `A OR B`."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR ").replace(" WITH ", "~"))
    logic = {"OR": "or", "AND": "and", "(": "(", ")": ")"}
    return eval(" ".join(logic.get(w, str(w.replace("~", " WITH ") in allowed)) for w in words))


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        allowed = set(tomllib.load(file)["licenses"]["allow"])
    packages = json.load(sys.stdin)["packages"]
    refused = [
        f"{package['name']} {package['version']}: {package['license']}"
        for package in packages
        if not is_allowed(package["license"] or "none", allowed)
    ]
    if refused or not packages:
        sys.exit("not on the list of deny.toml:\n" + "\n".join(refused))


main()
