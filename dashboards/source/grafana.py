"""Builds Grafana's JSON: texts in two languages, queries, panels, variables, the layout.

The shape is that of `Dashboard` in @grafana/schema, to which a check compiles every dashboard.
"""

from typing import NamedTuple


class T(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def __add__(self, other):
        return T(self.en + other.en, self.zh + other.zh)


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


# --- how values look --------------------------------------------------------------------------


def steps(*pairs):
    """Thresholds: the first colour holds from below, each other from its value on."""
    return {"mode": "absolute", "steps": [{"color": color, "value": at} for at, color in pairs]}


PLAIN = steps((None, "text"))
CLEAR = steps((None, "transparent"))


def words(**of):
    """Words and colours instead of values; `_1` stands for the value 1."""
    options = {
        value.lstrip("_"): {"index": index, "text": text} | ({"color": color} if color else {})
        for index, (value, (text, color)) in enumerate(of.items())
    }
    return [{"type": "value", "options": options}]


def red_below(value):
    """What lies below is red; what is not there has no colour, as it would have by thresholds."""
    result = {"color": "red", "index": 0}
    return [{"type": "range", "options": {"from": -1e9, "to": value, "result": result}}]


def override(name, matcher="byName", **properties):
    """Other properties for the series or column of this name; `__` stands for a dot."""
    properties = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": matcher, "options": name}, "properties": properties}


def fixed(color):
    return {"mode": "fixed", "fixedColor": color}


# --- panels -----------------------------------------------------------------------------------


def panel(kind, title, description, size, queries, options, look, more):
    """`look` is of all fields, such as `decimals`; `empty` is what a panel without data says."""
    look = {"color": {"mode": look.pop("color", "thresholds")}, "thresholds": PLAIN} | look
    overrides, empty = look.pop("overrides", []), look.pop("empty", NO_DATA)
    refs = zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries, strict=False)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "gridPos": {"w": size[0], "h": size[1]},
        "datasource": SOURCE,
        "targets": [{"refId": ref, "datasource": SOURCE, "editorMode": "code"} | q for ref, q in refs],
        "options": options,
        "fieldConfig": {"defaults": {"noValue": empty} | look, "overrides": overrides},
    } | more


REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, queries, unit, size=(4, 4), background=False, opens=None, text="auto", **look):
    """`opens`: the English title of the panel that explains it, or a link."""
    options = {
        "colorMode": "background_solid" if background else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": REDUCED,
        "showPercentChange": False,
        "textMode": text,
        "wideLayout": True,
    }
    look |= {"unit": unit} | ({"links": [opens]} if opens else {})
    return panel("stat", title, description, size, queries, options, look, {})


def bars(title, description, queries, unit, size=(8, 8), **look):
    """Horizontal bars, one for each series."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 24,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "top",
        "orientation": "horizontal",
        "reduceOptions": REDUCED,
        "showUnfilled": True,
        "sizing": "manual",
        "valueMode": "color",
    }
    look = {"unit": unit, "thresholds": steps((None, "blue"))} | look
    return panel("bargauge", title, description, size, queries, options, look, {})


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
    more = {name: look.pop(name) for name in ("interval", "maxDataPoints", "timeFrom", "timeShift", "hideTimeOverride") if name in look}
    options = {
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    look = {"unit": unit, "color": "palette-classic", "custom": custom} | look
    return panel("timeseries", title, description, size, queries, options, look, more)


def days(title, description, queries, unit, **look):
    """One point for each day, at that day; the queries are those of `promql.BY_DAY`."""
    return lines(title, description, queries, unit, interval="1d", maxDataPoints=1000, **look)


class Column(NamedTuple):
    """A column of a table: heading, unit, width in pixels (none: what is left), further properties."""

    heading: T
    unit: str | T | None = None
    width: int | None = None
    look: dict = {}


# For links only. Grafana 13 knows the first, 12 the second.
KEPT = {"custom__hideFrom": {"viz": True, "legend": True, "tooltip": True}, "custom__hidden": True}


def table(title, description, queries, columns, size=(12, 9), sort=None, kept=(), **look):
    """A table of the queries merged by their labels.

    `columns` maps what a query gives to its `Column`, in the order of display; what is neither
    there nor in `kept`, which links need, is left out.
    """
    renamed, order, overrides = {}, {}, []
    for name, (heading, unit, width, properties) in columns.items():
        if name in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            name = f"Value #{name}" if len(queries) > 1 else "Value"
        order[name] = len(order)
        renamed[name] = heading
        shown = {"noValue": "–"} | ({"unit": unit} if unit else {}) | properties
        shown |= {"custom__width": width} if width else {"custom__minWidth": 120}
        overrides.append(override(heading, **shown))
    for name in kept:
        order[name] = len(order)
        overrides.append(override(name, **KEPT))
    options = {
        "cellHeight": "sm",
        "enablePagination": False,
        "frameIndex": 0,
        "showHeader": True,
        "sortBy": [{"displayName": columns[sort[0]].heading, "desc": sort[1]}] if sort else [],
    }
    organized = {
        "includeByName": {name: True for name in order},
        "indexByName": order,
        "renameByName": renamed,
    }
    transformations = [{"id": "merge", "options": {}}, {"id": "organize", "options": organized}]
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 60}
    look = {"unit": "locale", "custom": custom, "overrides": overrides} | look
    more = {"transformations": transformations}
    return panel("table", title, description, size, queries, options, look, more)


# Long names take two lines rather than being cut.
WRAPPED = {"custom__wrapText": True, "custom__cellOptions": {"type": "auto", "wrapText": True}}
COLORED_TEXT = {"custom__cellOptions": {"type": "color-text"}}
COLORED = {"custom__cellOptions": {"type": "color-background", "mode": "basic"}}


# --- variables --------------------------------------------------------------------------------


def data_source():
    return {
        "name": "datasource",
        "type": "datasource",
        "label": T("Data", "数据源"),
        "query": "prometheus",
        "refresh": 1,
        "options": [],
        # Grafana 13 has a menu for what is rarely changed; 12 shows it with the others.
        "hide": 3,
    }


def asked(name, label, query, several=False, anything=True, sort=5, current=None, **more):
    """A variable whose values come from Prometheus.

    All of them are an expression, not a long list; or that list, where not `anything` will do.
    """
    variable = {
        "name": name,
        "type": "query",
        "label": label,
        "datasource": SOURCE,
        "query": {"qryType": 1 if "label_values" in str(query) else 3, "query": query, "refId": name},
        "regex": "",
        "refresh": 2,
        "sort": sort,
        "multi": several,
        "includeAll": several,
        "options": [],
    }
    if several:
        variable["current"] = {"text": [T("All", "全部")], "value": ["$__all"], "selected": True}
        if anything:
            variable["allValue"] = ".*"
    if current:
        variable["current"] = {"text": current, "value": current, "selected": True}
    return variable | more


# --- dashboards -------------------------------------------------------------------------------


def link_to(title, uid, *variables, more=""):
    """A link to another dashboard, which takes these variables over, and the time range.

    No others: a dashboard takes what it is given, "All" included, where it has no such choice.
    """
    taken = "&".join([f"${{{name}:queryparam}}" for name in variables] + ["${__url_time_range}"])
    urls = T(*(f"/d/{uid}-{language}?{taken}{more}" for language in LANGUAGES))
    return {"title": title, "url": urls, "targetBlank": False}


def top_link(title, uid, *variables):
    """The same at the top of a dashboard, where Grafana adds the time range."""
    url = link_to(title, uid, *variables)["url"]
    shape = {"type": "link", "tags": [], "asDropdown": False, "includeVars": False, "keepTime": True}
    urls = T(*(of.replace("&${__url_time_range}", "") for of in url))
    return shape | {"title": title, "url": urls, "targetBlank": False, "icon": "dashboard", "tooltip": ""}


def flow(panels, top):
    """The panels from left to right, row by row, and where they end; lists of them from top to bottom."""
    placed, left, height = [], 0, 0
    for each in panels:
        stack = each if isinstance(each, list) else [each]
        width = max(one["gridPos"]["w"] for one in stack)
        if left + width > WIDTH:
            left, top, height = 0, top + height, 0
        below = top
        for one in stack:
            placed.append(one | {"gridPos": {"x": left, "y": below} | one["gridPos"]})
            below += one["gridPos"]["h"]
        left, height = left + width, max(height, below - top)
    return placed, top + height


def opened(panels, uid, variables):
    """Puts the links in by which a tile opens the panel that explains it."""
    ids = {each["title"].en: each["id"] for each in panels}
    for each in panels:
        defaults = each["fieldConfig"]["defaults"]
        for index, title in enumerate(defaults.get("links", [])):
            if isinstance(title, str):
                more = f"&viewPanel=panel-{ids[title]}"
                text = T("What explains this", "查看明细")
                defaults["links"] = defaults["links"].copy()
                defaults["links"][index] = link_to(text, uid, *variables, more=more)


def dashboard(uid, title, description, variables, first, rows, language, since, refresh, zone, links):
    """A whole dashboard in one language: what is `first` open, and rows that are opened by hand."""
    placed, top = flow(first, 0)
    every = list(placed)
    for heading, panels in rows:
        inside, _ = flow(panels, top + 1)
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        placed.append(
            {"type": "row", "title": heading, "collapsed": True, "panels": inside, "gridPos": place}
        )
        every += inside
        top += 1
    for number, each in enumerate([*every, *(each for each in placed if each["type"] == "row")], start=1):
        each["id"] = number
    opened(every, uid, [each["name"] for each in variables])
    return in_language(
        {
            "uid": f"{uid}-{language}",
            "title": title,
            "description": description,
            "tags": ["feishu", f"feishu-{language}"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "timezone": zone,
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
