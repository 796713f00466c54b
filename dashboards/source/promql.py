"""The few shapes that every query about departments has.

Figures change once a day, can be late, and stand in the data base as a sample a minute (live) or
as one sample a day (backfilled). `dashboards/README.md` tells why the queries look as they do.
"""

DAY = "feishu_department_statistics_day_timestamp_seconds"
INFO = "feishu_department_info"
ACTIVATED = "feishu_department_activated_users"

# Live series have a sample a minute; backfilled ones have one a day, so look back further than that.
RECENT = "[25h]"
# As of the end of the time range. Curves of days end at the last midnight, so look a day further.
AT_THE_END = "@ end() offset -1d"
RECENT_AT_THE_END = f"[49h] {AT_THE_END}"
# On the time axis a point stands at the day that it belongs to. Figures of a day are served from
# 09:30 of the next day on: 33.5 to 57.5 hours after the day began. The window from 25 to 49 hours
# holds that moment, in whatever time zone Grafana begins its days.
SERVED = "[1d] offset -49h"
# A day belongs to the point at most 15.5 hours before and 8.5 hours after its beginning: as far as
# midnight of any zone lies from midnight in UTC and in UTC+8. In seconds: 12600 +- 43200.
OF_ITS_DAY = "- time() - 12600) <= 43200"

PLACE = 'tenant="$tenant",geo=~"$geo"'
CHOSEN = PLACE + ',department_id=~"$department"'
# How far below: Feishu has statistics of the root and the four levels below it.
LEVELS_BELOW = (1, 2, 3, 4)
ID = "tenant, department_id"
KEY = "tenant, geo, department_id"
NAMED = KEY + ", department"


def last(metric: str, labels: str, window: str = RECENT) -> str:
    """The last sample of each series within the window."""
    return f"last_over_time({metric}{{{labels}}}{window})"


def half_have(window: str = RECENT) -> str:
    """The day that at least half of the departments of a place have, or a moment shortly after it.

    While a new day comes in, or if only a few departments have it, it is not the company's yet.
    """
    return f"quantile by (tenant, geo) (0.5, max by ({KEY}) ({last(DAY, PLACE, window)}))"


def company_day() -> str:
    """The newest day that at least half of the departments of a tenant and geo have."""
    day = f"{last(DAY, PLACE)} <= on (tenant, geo) group_left () {half_have()}"
    return f"max by (tenant, geo) ({day})"


def newest_day() -> str:
    """The day gauge of the departments that serve the company's newest day.

    Departments that serve different days are never added up or compared.
    """
    return f"{last(DAY, CHOSEN)} == on (tenant, geo) group_left () {company_day()}"


def own_newest_day() -> str:
    """The day gauge of each chosen department at its own newest day, under its newest name."""
    days = last(DAY, CHOSEN)
    return f"{days} == on ({KEY}) group_left () max by ({KEY}) ({days})"


def day_of_the_point() -> str:
    """The day gauge of the departments that had the figures of the point's own day."""
    day = f"({last(DAY, CHOSEN, SERVED)} <= on (tenant, geo) group_left () {half_have(RECENT_AT_THE_END)})"
    return f"abs({day} {OF_ITS_DAY}"


# The ways of looking: at the newest day of all, at each department's own newest day, or at each
# day at its place on the time axis.
NOW = (RECENT, newest_day)
OWN_DAY = (RECENT, own_newest_day)
BY_DAY = (SERVED, day_of_the_point)


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
    return f"{total(metric, when, 'all', baseline)} / ({total(baseline, when, 'all')} > 0)"


def week_against_baseline(metric, baseline) -> str:
    """The same for the sums of the last seven days."""
    week = [total(metric, BY_DAY, "all", baseline), total(baseline, BY_DAY, "all")]
    return " / ".join(f"sum_over_time(({days})[7d:1d] offset 1d)" for days in week)


def named(values, by=KEY, window=f"[7d] {AT_THE_END}") -> str:
    """Values by department id, with the name of the department's newest day.

    So a renamed department stays one line. The look-back is long: a name is better old than gone.
    If that day is there under two names, as on the day of the renaming, it is that of the series
    with newer days besides.
    """
    besides = f"avg_over_time({DAY}{{{CHOSEN}}}{window}) / 1000"
    newest = f"topk by ({by}) (1, {last(DAY, CHOSEN, window)} + {besides})"
    name = f"group by ({by}, department) ({newest})"
    return f"{values} * on ({by}) group_left (department) {name}"


def each(metric, when=BY_DAY, version="$product_version") -> str:
    """A figure of each department; a renamed department stays one line, under its newest name."""
    return named(figure(metric, when, version))


def each_share(metric, when=OWN_DAY) -> str:
    """People of each department who used something, as a share of its activated accounts."""
    ratio = f"{figure(metric, when)} / {figure(ACTIVATED, when)}"
    return named(f"({ratio})")


def by_baseline(metric, baseline, when) -> str:
    """A figure of each department by its own baseline, without its name."""
    return f"({figure(metric, when, 'all')} / ({figure(baseline, when, 'all')} > 0))"


def each_against_baseline(metric, baseline, when=BY_DAY) -> str:
    """The same under its newest name."""
    return named(by_baseline(metric, baseline, when))


def people_of(metric, by=(), when=OWN_DAY) -> str:
    """Something of the statistics of users, which belong to the day of their department."""
    window, days = when
    labels = ", ".join((KEY, *by))
    return f"max by ({labels}) ({last(metric, CHOSEN, window)} and on ({KEY}) ({days()}))"


def people(metric, by=(), when=OWN_DAY) -> str:
    """The same with the newest name of the department."""
    return named(people_of(metric, by, when))


def place(metric, by=()) -> str:
    """Something of contact or directory, which belongs to no day."""
    labels = ", ".join((ID, *by))
    values = last(metric, 'tenant="$tenant",department_id=~"$department"')
    return named(f"max by ({labels}) ({values})", ID)


def path() -> str:
    """1 for each chosen department with its place in the tree; without look-back, so that it is one."""
    info = f'{INFO}{{tenant="$tenant",department_id=~"$department"}}'
    return named(f"group by ({ID}, department_path) ({info})", ID)
