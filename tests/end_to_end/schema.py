"""Checks a JSON document on standard input against the schema that the argument names."""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=FormatChecker())
errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.load(sys.stdin))]
sys.exit("\n".join(errors[:20]) or None)
