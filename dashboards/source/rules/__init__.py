"""The rules of prometheus/, from the files of this folder: in English, and in Chinese under zh/."""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What {product} becomes, by the value of the label.
PRODUCTS = {
    "en": {
        "suite": "use of the suite",
        "im": "messages",
        "docs": "documents",
        "calendar": "calendar",
        "vc": "meetings",
        "tasks": "tasks",
        "email": "emails",
        "search": "search",
    },
    "zh": {
        "suite": "整体使用",
        "im": "消息",
        "docs": "云文档",
        "calendar": "日历",
        "vc": "视频会议",
        "tasks": "任务",
        "email": "邮件",
        "search": "搜索",
    },
}
DO_NOT_EDIT = "# Made by dashboards/generate from dashboards/source/rules: change it there.\n"


def built():
    """Every rule file with its path below prometheus/ and its content."""
    texts = tomllib.loads((HERE / "texts.zh.toml").read_text("utf-8"))
    alerts = set()
    for source in sorted(HERE.glob("*.rules.yml")):
        text = source.read_text("utf-8")
        alerts.update(re.findall(r"- alert: (\w+)", text))
        yield Path(source.name), DO_NOT_EDIT + with_products(text, "en")
        yield Path("zh") / source.name, DO_NOT_EDIT + with_products(translated(text, texts), "zh")
    if alerts != texts.keys():
        raise SystemExit(f"texts.zh.toml and the alerts differ: {sorted(alerts ^ texts.keys())}")


def with_products(text, language):
    """The text with {product} as a choice that every engine's templates understand."""
    names = PRODUCTS[language].items()
    choice = "{{ else ".join(f'if eq $labels.product "{label}" }}}}{word}' for label, word in names)
    return text.replace("{product}", "{{ " + choice + "{{ else }}{{ $labels.product }}{{ end }}")


def translated(text, texts):
    """The rules with the summaries and descriptions of another language."""

    def of_alert(match):
        alert = texts.get(match["alert"], {"summary": "", "description": ""})
        # In one line: where lines are folded, spaces come between characters.
        line = "".join(alert["description"].strip().splitlines())
        return f"{match['before']}summary: '{alert['summary']}'\n          description: >-\n            {line}\n"

    return re.sub(
        r"(?P<before>- alert: (?P<alert>\w+)\n(?:(?!- alert: ).*\n)*?\s+annotations:\n\s+)"
        r"summary: .*\n\s+description: >-\n(?:            .*\n)+",
        of_alert,
        text,
    )
