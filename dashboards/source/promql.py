"""The few shapes that every query about departments has.

Figures change once a day, can be late, and stand in the data base as a sample a minute (live) or
as one sample a day (backfilled). `dashboards/README.md` tells why the queries look as they do.
"""

DAY = "feishu_department_statistics_day_timestamp_seconds"
INFO = "feishu_department_info"
UP = "feishu_exporter_department_up"
FAILURE = "feishu_exporter_department_failure_info"
DEVIATION = "feishu_department_activity_deviation"
DROP = "feishu_department_activity_drop_ratio"
DECLINE = "feishu_department_activity_decline_ratio"
ACTIVATED = "feishu_department_activated_users"

# Live series have a sample a minute; backfilled ones have one a day, so look back further than that.
RECENT = "[25h]"
# For tables of all departments, where that would be too much to read.
LATELY = "[15m]"
# As of the end of the time range. Curves of days end at the last midnight, so look a day further.
RECENT_AT_THE_END = "[49h] @ end() offset -1d"
# On the time axis a point stands at the day that it belongs to. Figures of a day are served from
# 09:30 of the next day on: 33.5 to 57.5 hours after the day began. The window from 25 to 49 hours
# holds that moment, in whatever time zone Grafana begins its days.
SERVED = "[1d] offset -49h"
# A day belongs to the point at most 15.5 hours before and 8.5 hours after its beginning: as far as
# midnight of any zone lies from midnight in UTC and in UTC+8. In seconds: 12600 +- 43200.
OF_ITS_DAY = "- time() - 12600) <= 43200"

# A name is better old than gone.
LONG = "[7d] @ end() offset -1d"
# Curves of more departments could not be told apart.
CURVES = 5
# Of fewer people one more or less is a multiple.
FEW = 20
# From here on the exporter speaks of a drop: docs/alerts.md.
SURE = 5.2

PLACE = 'tenant="$tenant",geo=~"$geo"'
CHOSEN = PLACE + ',department_id=~"$department"'
# How far below: Feishu has statistics of the root and the four levels below it.
LEVELS_BELOW = (1, 2, 3, 4)
ID = "tenant, department_id"
KEY = "tenant, geo, department_id"
# Of what is known of departments in any geo.
KNOWN = 'tenant="$tenant",department_id=~"$department"'


def last(metric: str, labels: str, window: str = RECENT) -> str:
    """The last sample of each series within the window; without one, as it stands."""
    selected = f"{metric}{{{labels}}}"
    return f"last_over_time({selected}{window})" if window else selected


def half_have(window: str = RECENT, place: str = PLACE) -> str:
    """The day that at least half of the departments of a place have, or a moment shortly after it.

    While a new day comes in, or if only a few departments have it, it is not the company's yet.
    """
    return f"quantile by (tenant, geo) (0.5, max by ({KEY}) ({last(DAY, place, window)}))"


def company_day(place: str = PLACE, window: str = RECENT) -> str:
    """The newest day that at least half of the departments of a tenant and geo have."""
    day = f"{last(DAY, place, window)} <= on (tenant, geo) group_left () {half_have(window, place)}"
    return f"max by (tenant, geo) ({day})"


def newest_day(window: str = RECENT) -> str:
    """The day gauge of the departments that serve the company's newest day.

    Departments that serve different days are never added up or compared.
    """
    company = company_day(window=window)
    return f"{last(DAY, CHOSEN, window)} == on (tenant, geo) group_left () {company}"


def own_newest_day(where: str = CHOSEN, window: str = RECENT) -> str:
    """The day gauge of each chosen department at its own newest day, under its newest name."""
    days = last(DAY, where, window)
    return f"{days} == on ({KEY}) group_left () max by ({KEY}) ({days})"


def served_day(where: str = CHOSEN) -> str:
    """The newest day of each department, as it is served."""
    return f"max by ({KEY}) ({last(DAY, where, LATELY)})"


def day_of_the_point(bound="") -> str:
    """The day gauge of the departments that had the figures of the point's own day."""
    return f"abs(({last(DAY, CHOSEN, SERVED)}{bound}) {OF_ITS_DAY}"


def day_of_the_company() -> str:
    """The same, and nothing of a day that few departments have yet."""
    return day_of_the_point(f" <= on (tenant, geo) group_left () {half_have(RECENT_AT_THE_END)}")


# The ways of looking: at the newest day of all, at each department's own newest day, or at each
# day at its place on the time axis, of all together or of each by itself.
NOW = (RECENT, newest_day)
OWN_DAY = (RECENT, own_newest_day)
OF_LATE = (LATELY, lambda: own_newest_day(window=LATELY))
BY_DAY = (SERVED, day_of_the_company)
EACH_DAY = (SERVED, day_of_the_point)


def figure(metric, when=NOW, version="$product_version", beside=None) -> str:
    """A figure of each chosen department, once, however many exporters and names it has.

    `beside`: only of departments that have this other figure, too.
    """
    window, days = when
    labels = f'{CHOSEN},product_version="{version}"'
    values = last(metric, labels, window)
    if beside:
        values = f"({values} and on ({KEY}) {last(beside, labels, window)})"
    return f"max by ({KEY}) ({values} and ignoring (product_version) ({days()}))"


def within_another() -> str:
    """Departments below another chosen one, where the choice is that a department counts those.

    By the id of the department directly above, or by the path of names: of those between the two
    nothing is known if they are not published. As of the end of the time range, once is enough.
    """
    # Chosen below="-" no series has such a label, so that this costs nothing.
    counting = last(DAY, CHOSEN + ',geo=~"$below"', RECENT_AT_THE_END)
    parents = f'label_replace({counting}, "parent_department_id", "$1", "department_id", "(.+)")'
    below = last(INFO, 'tenant="$tenant",parent_department_id=~"$below"', RECENT_AT_THE_END)
    known = last(INFO, 'tenant="$tenant",department_path=~"$below"', RECENT_AT_THE_END)
    paths = f'label_replace({known} and on ({ID}) {counting}, "above", "$1", "department_path", "(.+)")'
    higher = " or ".join(
        f'label_replace({known}, "above", "$1", "department_path", "(.+){"/[^/]+" * levels}")'
        for levels in LEVELS_BELOW
    )
    return (
        f"(({below} and on (tenant, parent_department_id) {parents})"
        f" or (({higher}) and on (tenant, above) {paths}))"
    )


def total(metric, when=NOW, version="$product_version", beside=None) -> str:
    """The sum over the chosen departments, no parent beside its children."""
    each = figure(metric, when, version, beside)
    return f"sum({each} unless on ({ID}) {within_another()})"


def share(metric, when=NOW) -> str:
    """People who used something, as a share of those with an activated account."""
    return f"{total(metric, when)} / {total(ACTIVATED, when)}"


def against_baseline(metric, baseline, when=NOW) -> str:
    """What there is, by what the same weekday of other weeks had, over departments with both."""
    return f"{total(metric, when, 'all', baseline)} / ({total(baseline, when, 'all')} >= {FEW})"


def names(where, known_as, window=LATELY, info_window="") -> str:
    """Each department under its newest name, with the one above it: "leaf (parent)".

    So two departments of one name differ, and a renamed one stays one line. If the newest day is
    there under two names, as on the day of the renaming, it is that of the series with newer days
    besides. A department that never had a day has the name that the contact API tells.
    """
    besides = f"avg_over_time({DAY}{{{where}}}{window}) / 1000"
    newest = f"topk by ({ID}) (1, {last(DAY, where, window)} + {besides})"
    named = f"group by ({ID}, department) ({newest})"
    below = last(INFO, known_as + ',department_path=~".+/.+"', info_window)
    above = f'label_replace({below}, "above", "$1", "department_path", "(?:.*/)?([^/]+)/[^/]+")'
    both = f"{named} * on ({ID}) group_left (above) topk by ({ID}) (1, {above})"
    joined = f'label_join({both}, "both", "/", "department", "above")'
    placed = f'label_replace({joined}, "department", "$1 ($2)", "both", "(.*)/([^/]*)")'
    told = f"topk by ({ID}) (1, {last(INFO, known_as, info_window)})"
    return f"group by ({ID}, department) ({placed} or on ({ID}) {named} or on ({ID}) {told})"


def named(values, where=CHOSEN, known_as=KNOWN, *windows) -> str:
    """Values by department id, with the name of the department."""
    return f"{values} * on ({ID}) group_left (department) {names(where, known_as, *windows)}"


def curve(values) -> str:
    """Values of each day as curves, under the names of the departments."""
    return named(f"({values})", CHOSEN, KNOWN, LONG, RECENT_AT_THE_END)


def each(metric, version="$product_version") -> str:
    """A figure of each department by day."""
    return curve(figure(metric, EACH_DAY, version))


def by_baseline(metric, baseline, when) -> str:
    """A figure of each department by its own baseline; of fewer people chance alone is a multiple."""
    return f"({figure(metric, when, 'all')} / ({figure(baseline, when, 'all')} >= {FEW}))"


def people_of(metric, by=(), when=OWN_DAY) -> str:
    """Something of the statistics of users, which belong to the day of their department."""
    window, days = when
    labels = ", ".join((KEY, *by))
    return f"max by ({labels}) ({last(metric, CHOSEN, window)} and on ({KEY}) ({days()}))"


def place(metric, by=()) -> str:
    """Something of contact or directory, which belongs to no day."""
    labels = ", ".join((ID, *by))
    return f"max by ({labels}) ({last(metric, KNOWN)})"


def path() -> str:
    """1 for each chosen department with its place in the tree; without look-back, so that it is one."""
    return named(f"group by ({ID}, department_path) ({INFO}{{{KNOWN}}})")


# --- what the exporter judges ------------------------------------------------------------------


def judged(metric, labels="", only="", aggregation="max", by="product") -> str:
    """What is judged of each department and product by an exporter that serves its newest day.

    `only`: a comparison that leaves few of many thousands. There is none in what was brought in,
    so there is no need to look back.
    """
    day = f"{DAY}{{{CHOSEN}}}"
    days = f"{day} == on ({KEY}) group_left () max by ({KEY}) ({day})"
    of = f"({metric}{{{CHOSEN}{labels}}}{only}) and on ({KEY}, job, instance) ({days})"
    return f"{aggregation} by ({KEY}{', ' * bool(by)}{by}) ({of})"


def deviation(labels="", only="", by="product") -> str:
    """The furthest below what is expected, over one, three, five and ten days."""
    return judged(DEVIATION, labels, only, "min", by)


def together() -> str:
    """The departments of which so many fell at once that they are one event; of the suite alone."""
    newest = judged(DEVIATION, ',product="suite",window="1"', f" < {-SURE}")
    return f"({newest} and on (tenant, geo, product) (feishu_company_departments_fallen_together{{{PLACE}}} > 0))"


def fallen() -> str:
    """Each department's product that fell: what is there only then, for that is little to read."""
    return f"({judged(DROP)} or {judged(DECLINE)} or {together()})"


# --- departments that lack something -----------------------------------------------------------


def failing(where=CHOSEN) -> str:
    """1 for each department whose last request failed, with state, class and code."""
    failed = f"topk by ({KEY}) (1, max by ({KEY}, class, code) ({FAILURE}{{{where}}}))"
    refused = "permission|credentials|token|quota|invalid_request"
    state = f'label_replace({failed}, "state", "failed", "", "")'
    return f'label_replace({state}, "state", "refused", "class", "{refused}")'


def older_days(where=CHOSEN, place=PLACE) -> str:
    """The days of departments that are behind the company's."""
    return f"{served_day(where)} < on (tenant, geo) group_left () {company_day(place, LATELY)}"


def lacking(where=CHOSEN, place=PLACE) -> str:
    """1 for each department that fails, is late or has no figures at all, with its state."""
    failed = f"on ({KEY}) {FAILURE}{{{where}}}"
    asked = f"group by ({KEY}) ({UP}{{{where}}})"
    late = f"group by ({KEY}) ({older_days(where, place)}) unless {failed}"
    silent = f"{asked} unless on ({KEY}) {last(DAY, where, LATELY)} unless {failed}"
    return (
        f'({failing(where)} or label_replace({late}, "state", "late", "", "")'
        f' or label_replace({silent}, "state", "no_figures", "", ""))'
    )


def all_departments(where=CHOSEN) -> str:
    """1 for each department that is asked for or has figures."""
    return f"group by ({KEY}) ({UP}{{{where}}} or on ({KEY}) {last(DAY, where, LATELY)})"


# --- kinds of days -----------------------------------------------------------------------------


def by_kind(values) -> str:
    """Values of each day with its `kind`: a working day, one off, or part, which departments lack.

    Those with a day before, of which not more than three days are waited for.
    """
    off = f"min({last('feishu_calendar_workday', PLACE, SERVED)}) == 0"
    ahead = f"max by ({KEY}) ({last(DAY, CHOSEN, '[2d] offset -49h')}) - time() - 12600"
    kinds = {"part": f"group({ahead} < -43200 > {-4 * 86400})", "off": f"group({off})", "working": "vector(1)"}
    kind = " or on () ".join(f'label_replace({of}, "kind", "{name}", "", "")' for name, of in kinds.items())
    return f"{values} * on () group_left (kind) ({kind})"


def on_working_days(values) -> str:
    return f"{values} unless on () (min({last('feishu_calendar_workday', PLACE, SERVED)}) == 0)"
