"""Builds Grafana's JSON: texts in two languages, queries, panels, variables, the layout.

The shape is that of `Dashboard` in @grafana/schema, to which a check compiles every dashboard.
"""

from typing import NamedTuple


class T(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str


LANGUAGES = T._fields
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# The newest version of this form of dashboards; Grafana 12 and 13 write it.
SCHEMA_VERSION = 42
NO_DATA = T("no data", "无数据")
WIDTH = 24


def in_language(value, language):
    """The same value with one language's texts."""
    if isinstance(value, T):
        return getattr(value, language)
    if isinstance(value, dict):
        return {key: in_language(entry, language) for key, entry in value.items()}
    if isinstance(value, list):
        return [in_language(entry, language) for entry in value]
    return value


# --- queries ----------------------------------------------------------------------------------


def now(expr, legend="__auto"):
    """A query at the end of the time range."""
    return {"expr": expr, "legendFormat": legend, "instant": True, "range": False}


def over_time(expr, legend="__auto", **more):
    """A query over the time range."""
    return {"expr": expr, "legendFormat": legend, "instant": False, "range": True} | more


def column(expr):
    """A query at the end of the time range, for a table."""
    return {"expr": expr, "format": "table", "instant": True, "range": False}


def targets(queries):
    named = zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries, strict=False)
    return [{"refId": ref, "datasource": SOURCE, "editorMode": "code"} | q for ref, q in named]


# --- how values look --------------------------------------------------------------------------


def steps(*pairs):
    """Thresholds: the first colour holds from below, each other from its value on."""
    return {"mode": "absolute", "steps": [{"color": color, "value": at} for at, color in pairs]}


PLAIN = steps((None, "blue"))


def words(**of):
    """Words and colours instead of values; `_1` stands for the value 1."""
    options = {
        value.lstrip("_"): {"index": index, "text": text, "color": color}
        for index, (value, (text, color)) in enumerate(of.items())
    }
    return [{"type": "value", "options": options}]


def override(name, **properties):
    """Other properties for the series or column of this name; `__` stands for a dot."""
    return by_matcher("byName", name, properties)


def override_matching(pattern, **properties):
    """Other properties for all series whose name matches."""
    return by_matcher("byRegexp", pattern, properties)


def by_matcher(matcher, options, properties):
    return {
        "matcher": {"id": matcher, "options": options},
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def field(unit, thresholds=PLAIN, color="thresholds", custom=None, overrides=(), **more):
    defaults = {"unit": unit, "color": {"mode": color}, "thresholds": thresholds, "noValue": NO_DATA}
    if custom:
        defaults["custom"] = custom
    return {"defaults": defaults | more, "overrides": list(overrides)}


# --- panels -----------------------------------------------------------------------------------


def panel(kind, title, description, size, queries, options, field_config, **more):
    width, height = size
    return {
        "type": kind,
        "title": title,
        "description": description,
        "gridPos": {"w": width, "h": height},
        "datasource": SOURCE,
        "targets": targets(queries),
        "options": options,
        "fieldConfig": field_config,
    } | more


REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, queries, unit, size=(4, 4), background=False, **look):
    options = {
        "colorMode": "background" if background else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": REDUCED,
        "showPercentChange": False,
        "textMode": "auto",
        "wideLayout": True,
    }
    return panel("stat", title, description, size, queries, options, field(unit, **look))


def bars(title, description, queries, unit, size=(8, 8), **look):
    """Horizontal bars, one for each series."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 40,
        "minVizHeight": 14,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": REDUCED,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return panel("bargauge", title, description, size, queries, options, field(unit, **look))


def lines(title, description, queries, unit, size=(8, 8), drawn="line", stacked=False, **look):
    """Curves over time."""
    custom = {
        "drawStyle": drawn,
        "lineInterpolation": "linear",
        "lineWidth": 2 if drawn == "line" else 1,
        "fillOpacity": 0 if drawn == "line" else 60,
        "showPoints": "auto",
        "pointSize": 5,
        # What is missing stays a gap: neither zero nor a line across.
        "spanNulls": False,
        "axisSoftMin": 0,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    more = {name: look.pop(name) for name in ("interval", "maxDataPoints", "timeFrom") if name in look}
    options = {
        "legend": {
            "calcs": ["lastNotNull"],
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    look = {"color": "palette-classic"} | look
    config = field(unit, custom=custom, **look)
    return panel("timeseries", title, description, size, queries, options, config, **more)


def days(title, description, queries, unit, **look):
    """One point for each day, at that day; the queries are those of `promql.BY_DAY`."""
    return lines(title, description, queries, unit, interval="1d", maxDataPoints=1000, **look)


def table(title, description, queries, columns, size=(12, 9), sort=None, look=None):
    """A table of the queries merged by their labels.

    `columns` maps what a query gives to (heading, unit, properties), in the order of display;
    what is not in it is left out.
    """
    several = len(queries) > 1
    renamed, order, overrides = {}, {}, []
    for index, (name, (heading, unit, properties)) in enumerate(columns.items()):
        if name in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            name = f"Value #{name}" if several else "Value"
        order[name] = index
        # Links read this column by its own name.
        if name != "department_id":
            renamed[name] = heading
        shown = {"unit": unit} | properties if unit else properties
        if shown:
            overrides.append(override(renamed.get(name, name), **shown))
    options = {
        "cellHeight": "sm",
        "enablePagination": True,
        "frameIndex": 0,
        "showHeader": True,
        "sortBy": [{"displayName": columns[sort[0]][0], "desc": sort[1]}] if sort else [],
    }
    transformations = [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "includeByName": {name: True for name in order},
                "indexByName": order,
                "renameByName": renamed,
            },
        },
    ]
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    config = field("short", custom=custom, overrides=overrides, **(look or {}))
    return panel("table", title, description, size, queries, options, config, transformations=transformations)


# --- variables --------------------------------------------------------------------------------


def data_source():
    return {
        "name": "datasource",
        "type": "datasource",
        "label": T("Data source", "数据源"),
        "query": "prometheus",
        "refresh": 1,
        "options": [],
    }


def asked(
    name,
    label,
    query,
    regex="",
    several=False,
    everything=True,
    anything=True,
    sort=5,
    description=None,
    current=None,
):
    """A variable whose values come from Prometheus.

    All of them are an expression, not a long list; or that list, where not `anything` will do.
    """
    variable = {
        "name": name,
        "type": "query",
        "label": label,
        "datasource": SOURCE,
        "query": {"qryType": 3 if query.startswith("query_result") else 1, "query": query, "refId": name},
        "regex": regex,
        "refresh": 2,
        "sort": sort,
        "multi": several,
        "includeAll": several and everything,
        "options": [],
    }
    if several and everything:
        everything = {"text": [T("All", "全部")], "value": ["$__all"], "selected": True}
        variable["current"] = everything
        if anything:
            variable["allValue"] = ".*"
    if current:
        variable["current"] = {"text": current, "value": current, "selected": True}
    if description:
        variable["description"] = description
    return variable


def choice(name, label, description, options):
    """A variable with a fixed list of (text, value); the first is chosen at first."""
    entries = [
        {"text": text, "value": value, "selected": index == 0} for index, (text, value) in enumerate(options)
    ]
    query = [", ".join(f"{in_language(text, of)} : {value}" for text, value in options) for of in LANGUAGES]
    return {
        "name": name,
        "type": "custom",
        "label": label,
        "description": description,
        "query": T(*query),
        "options": entries,
        "current": entries[0],
        "multi": False,
        "includeAll": False,
    }


# --- dashboards -------------------------------------------------------------------------------


def link(title, uid, *variables):
    """A link to another dashboard, which takes these variables over, and the time range.

    No others: a dashboard takes what it is given, "All" included, where it has no such choice.
    """
    taken = "&".join(f"${{{name}:queryparam}}" for name in variables)
    return {
        "type": "link",
        "title": title,
        "url": T(*(f"/d/{uid}-{language}?{taken}" for language in LANGUAGES)),
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "icon": "dashboard",
        "tooltip": "",
    }


def row(title, *panels):
    return title, panels


def dashboard(uid, title, description, variables, rows, language, since, refresh, links):
    """A whole dashboard in one language: panels flow from left to right, row by row."""
    placed, top = [], 0
    for heading, panels in rows:
        placed.append(
            {
                "type": "row",
                "title": heading,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
            }
        )
        top += 1
        left, height = 0, 0
        for each in panels:
            size = each["gridPos"]
            if left + size["w"] > WIDTH:
                left, top, height = 0, top + height, 0
            placed.append(each | {"gridPos": {"x": left, "y": top} | size})
            left, height = left + size["w"], max(height, size["h"])
        top += height
    for number, each in enumerate(placed, start=1):
        each["id"] = number
    return in_language(
        {
            "uid": f"{uid}-{language}",
            "title": title,
            "description": description,
            "tags": ["feishu", f"feishu-{language}"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": since, "to": "now"},
            "timepicker": {},
            "refresh": refresh,
            "links": links,
            "annotations": {"list": []},
            "templating": {"list": variables},
            "panels": placed,
        },
        language,
    )
