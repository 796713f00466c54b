"""Of *Feishu department*: its place and its people, as counts."""

from grafana import COLORED_TEXT, WRAPPED, Column, T, column, days, over_time, table, words
from promql import EACH_DAY, KEY, curve, named, path, people_of, place
from shared import HOURS, NO_YES, PEOPLE, YES_NO

ROWS = 200
NAME = Column(T("Department", "部门"), None, None, WRAPPED)
# The heading of each label, and the names of its values; others are shown as they are.
LABELS = {
    "status": (
        T("Status", "状态"),
        {
            "active": T("active", "已激活"),
            "not_activated": T("not activated", "未激活"),
            "not_joined": T("not joined", "未加入"),
            "frozen": T("frozen", "已冻结"),
            "resigned": T("resigned", "已离职"),
            "exited": T("exited", "已退出"),
        },
    ),
    # The numbers that the contact API documents; an administrator can define more.
    "employee_type": (
        T("Type", "类型"),
        {
            "1": T("1 regular", "1 正式"),
            "2": T("2 intern", "2 实习"),
            "3": T("3 outsourced", "3 外包"),
            "4": T("4 contractor", "4 劳务"),
            "5": T("5 consultant", "5 顾问"),
        },
    ),
    "days": (
        T("For", "未活跃"),
        {of: T(f"{of} days", f"{of} 天") for of in ("7", "30", "90")} | {"ever": T("never active", "从未活跃")},
    ),
    "product": (
        T("Product", "产品"),
        {product: name for product, (name, _) in PEOPLE.items()} | {"everybody": T("everybody", "全部成员")},
    ),
    "os": (T("System", "系统"), {"other": T("other", "其他")}),
    "client": (T("Client", "客户端"), {"other": T("other", "其他")}),
}
DIRECTORY_NOTE = T(
    "As of the last time the source was asked; there where contact, directory or discovery is switched on.",
    "为最近一次采集该来源时的数值；需启用 contact、directory 或 discovery。",
)
MEMBERS_NOTE = T(" There where members is switched on.", "需启用 members。")
USERS_NOTE = T(
    " Of the department's own people on the newest day; there where user_statistics is switched on and the department has at least min_group_size people.",
    "为部门直属成员最新一天的数据；需启用 user_statistics，且部门人数不少于 min_group_size。",
)


def counted(title, description, values, label):
    """A table of departments and the values of a label, under names that people know."""
    heading, names = LABELS[label]
    return table(
        title,
        description,
        [column(f"sort_desc(topk({ROWS}, {named(f'({values})')}))")],
        {
            "department": NAME,
            label: Column(
                heading, "string", 105, {"mappings": words(**{of: (name, None) for of, name in names.items()})}
            ),
            "A": Column(T("People", "人数"), "locale", 65),
        },
        size=(8, 8),
        empty=T("Nothing is known of it.", "暂无数据。"),
    )


def directory():
    members = {
        "direct_members": T("People", "直属成员"),
        "recursive_members": T("All below", "含下级"),
        "direct_departments": T("Below", "直属下级"),
        "recursive_departments": T("All levels", "所有下级"),
        "enabled": T("In use", "启用"),
        "contact_members": T("Contact", "通讯录"),
        "contact_primary_members": T("Primary", "主部门"),
        "contact_leaders": T("Leaders", "负责人"),
        "deleted": T("Deleted", "已删除"),
    }
    states = {"enabled": {"mappings": YES_NO}, "deleted": {"mappings": NO_YES}}
    columns = {
        ref: Column(name, "locale", 82, states[family] | COLORED_TEXT if family in states else {})
        for ref, (family, name) in zip("BCDEFGHIJ", members.items(), strict=True)
    }
    return [
        table(
            T("Place and size", "位置与规模"),
            T(
                "Where the department stands; by the directory API the people and departments directly in it and on all levels below; by the contact API its members with those below, those whose primary department it is, and its leaders. Sizes with those below must never be added up. ",
                "部门在组织架构中的位置；目录接口统计的直属及所有层级的成员与部门；通讯录接口统计的成员（含下级）、主部门成员与负责人。“含下级”的数值包含所有层级，不可相加。",
            )
            + DIRECTORY_NOTE,
            [column(path())] + [column(place(f"feishu_department_{family}")) for family in members],
            {"department": NAME, "department_path": Column(T("Path", "路径"), None, None, WRAPPED), **columns},
            size=(24, 7),
        ),
        counted(
            T("People by status", "成员状态"),
            T(
                "People directly in the department by the state of their account; each is in one.",
                "部门直属成员按账号状态统计，每人只计一次。",
            )
            + MEMBERS_NOTE,
            place("feishu_department_members", ["status"]),
            "status",
        ),
        counted(
            T("People by employee type", "人员类型"),
            T(
                "People directly in the department by the number of their employee type; an administrator can define more types.",
                "部门直属成员按人员类型编号统计；管理员可自定义类型。",
            )
            + MEMBERS_NOTE,
            place("feishu_department_members_by_employee_type", ["employee_type"]),
            "employee_type",
        ),
        counted(
            T("Inactive", "不活跃成员"),
            T(
                "Activated people whose last activity lies more than so many days back, and those who were never active.",
                "超过指定天数未活跃的已激活成员，以及从未活跃的成员。",
            )
            + USERS_NOTE,
            f"{people_of('feishu_users_inactive', ['days'])}"
            f' or label_replace({people_of("feishu_users_never_active")}, "days", "ever", "", "")',
            "days",
        ),
    ]


def spread():
    def by_day(title, what, values, legend, unit, **look):
        return days(title, what + USERS_NOTE, [over_time(values, legend)], unit, **look)

    def quantiles(title, what, metric, unit, divisor=""):
        text = T(
            f"{what.en} of a person on the day, by quantile of all its people: 0.5 is the middle one. There are 0.1 and 0.9 from 50 people on, and 0.99 from 500 on.",
            f"每位成员当天的{what.zh}，按全体成员的分位数：0.5 为中位数。50 人以上有 0.1 与 0.9，500 人以上有 0.99。",
        )
        values = curve(people_of(metric, ["quantile"], EACH_DAY)) + divisor
        return by_day(title, text, values, "{{quantile}}: {{department}}", unit)

    def use_of(what, en, zh, label):
        return counted(what, T(en, zh) + USERS_NOTE, people_of(f"feishu_users_by_{label}", [label]), label)

    inactive = curve(people_of("feishu_users_inactive", ["days"], EACH_DAY))
    return [
        counted(
            T("Active by product", "各产品活跃人数"),
            T(
                "People who used the product, who overlap, and everybody who is counted.",
                "使用该产品的人数（人员重叠），以及统计的全部成员。",
            )
            + USERS_NOTE,
            f"{people_of('feishu_users_active', ['product'])}"
            f' or label_replace({people_of("feishu_users")}, "product", "everybody", "", "")',
            "product",
        ),
        use_of(
            T("Operating systems", "操作系统"),
            "People by operating system, each in every one that they use; small groups are other.",
            "按操作系统统计，每人可计入多个；人数过少的归入“其他”。",
            "os",
        ),
        use_of(
            T("Clients", "客户端"),
            "People by client, each in every one that they use; small groups are other.",
            "按客户端统计，每人可计入多个；人数过少的归入“其他”。",
            "client",
        ),
        quantiles(
            T("Messages of a person", "每人发送消息数分布"),
            T("Messages sent", "发送消息数"),
            "feishu_users_messages_sent",
            "locale",
        ),
        quantiles(
            T("Meeting time of a person", "每人会议时长分布"),
            T("Time in meetings", "会议时长"),
            "feishu_users_meeting_duration_seconds",
            HOURS,
            " / 3600",
        ),
        by_day(
            T("Inactive, by day", "不活跃成员趋势"),
            T(
                "Share of the counted people who were not active for more than so many days.",
                "超过指定天数未活跃的成员占统计人数的比例。",
            ),
            f"{inactive} / on ({KEY}) group_left () {people_of('feishu_users', (), EACH_DAY)}",
            T("{{days}} days: {{department}}", "{{days}} 天：{{department}}"),
            "percentunit",
            decimals=0,
        ),
        by_day(
            T("Meetings", "会议数"),
            T(
                "Meetings of the department's people on the day, each counted for everybody in it.",
                "部门成员当天的会议数，每位参会者各计一次。",
            ),
            curve(people_of("feishu_users_meetings", (), EACH_DAY)),
            "{{department}}",
            "locale",
        ),
        by_day(
            T("Time in meetings", "会议总时长"),
            T("Time in meetings, summed over the department's people.", "部门成员会议时长之和。"),
            f"{curve(people_of('feishu_users_vc_duration_seconds', (), EACH_DAY))} / 3600",
            "{{department}}",
            HOURS,
            decimals=0,
        ),
    ]
