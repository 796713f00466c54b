"""Of *Feishu department*: its place and its people, as counts."""

from grafana import T, bars, column, days, now, over_time, override_matching, table
from promql import BY_DAY, KEY, path, people, people_of, place
from shared import NO_YES, PRODUCTS, YES_NO

USER_PRODUCTS = {
    "suite": PRODUCTS["suite"],
    "im": PRODUCTS["im"],
    "docs": PRODUCTS["docs"],
    "calendar": PRODUCTS["calendar"],
    "vc": PRODUCTS["vc"],
    "search": PRODUCTS["search"],
}
STATUSES = {
    "active": T("active", "已激活"),
    "not_activated": T("not activated", "未激活"),
    "not_joined": T("not joined", "未加入"),
    "frozen": T("frozen", "已冻结"),
    "resigned": T("resigned", "已离职"),
    "exited": T("exited", "已退出"),
}
# The numbers that the contact API documents; an administrator can define more.
EMPLOYEE_TYPES = {
    "1": T("1 regular", "1 正式"),
    "2": T("2 intern", "2 实习"),
    "3": T("3 outsourced", "3 外包"),
    "4": T("4 contractor", "4 劳务"),
    "5": T("5 consultant", "5 顾问"),
}
OTHER = T("other", "其他")
DIRECTORY_NOTE = T(
    "As of the last time the source was asked; there where contact, directory or discovery is switched on.",
    "为最近一次采集该来源时的数值；需启用 contact、directory 或 discovery。",
)
USERS_NOTE = T(
    "Of the department's own people on the newest day; there where user_statistics is switched on and the department has at least min_group_size people. Of several departments, each has its own bar.",
    "为部门直属成员最新一天的数据；需启用 user_statistics，且部门人数不少于 min_group_size。多个部门时各自一条。",
)


def counted(title, description, query, legends, label):
    """Bars for each department and value of a label, under names that people know."""
    renamed = [
        override_matching(
            f"(.*): {value}$",
            displayName=T(
                f"${{__field.labels.department}}: {name.en}", f"${{__field.labels.department}}：{name.zh}"
            ),
        )
        for value, name in legends.items()
    ]
    return bars(
        title,
        description,
        [now(query, f"{{{{department}}}}: {{{{{label}}}}}")],
        "short",
        min=0,
        overrides=renamed,
    )


def directory():
    members = {
        "direct_members": T("Direct members", "直属成员"),
        "recursive_members": T("With those below", "含下级成员"),
        "direct_departments": T("Departments below", "直属下级部门"),
        "recursive_departments": T("All levels below", "所有下级部门"),
        "enabled": T("In use", "启用"),
        "contact_members": T("Members, contact", "成员（通讯录）"),
        "contact_primary_members": T("Primary, contact", "主部门成员（通讯录）"),
        "contact_leaders": T("Leaders", "负责人"),
        "deleted": T("Deleted", "已删除"),
    }
    states = {"enabled": {"mappings": YES_NO}, "deleted": {"mappings": NO_YES}}
    shown = {"custom__cellOptions": {"type": "color-text"}}
    columns = {
        ref: (name, "short", states[family] | shown if family in states else {})
        for ref, (family, name) in zip("BCDEFGHIJ", members.items(), strict=True)
    }
    return [
        table(
            T("Place and size", "位置与规模"),
            T(
                "Where the department stands, and its size as directory and contact API count it. Sizes with those below count the people of all levels: never add them up. "
                + DIRECTORY_NOTE.en,
                "部门在组织架构中的位置，以及目录与通讯录接口统计的规模。“含下级”的数值包含所有层级，不可相加。"
                + DIRECTORY_NOTE.zh,
            ),
            [column(path())] + [column(place(f"feishu_department_{family}")) for family in members],
            {
                "department": (T("Department", "部门"), None, {"custom__minWidth": 140}),
                "department_path": (T("Path", "路径"), None, {"custom__minWidth": 200}),
                **columns,
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(24, 6),
        ),
        counted(
            T("People by status", "成员状态"),
            T(
                "People directly in the department by the state of their account; each is in one. There where members is switched on.",
                "部门直属成员按账号状态统计，每人只计一次。需启用 members。",
            ),
            place("feishu_department_members", ["status"]),
            STATUSES,
            "status",
        ),
        counted(
            T("People by employee type", "人员类型"),
            T(
                "People directly in the department by the number of their employee type; an administrator can define more types. There where members is switched on.",
                "部门直属成员按人员类型编号统计；管理员可自定义类型。需启用 members。",
            ),
            place("feishu_department_members_by_employee_type", ["employee_type"]),
            EMPLOYEE_TYPES,
            "employee_type",
        ),
        bars(
            T("Inactive", "不活跃成员"),
            T(
                "Activated people whose last activity lies more than so many days back, and those who were never active. "
                + USERS_NOTE.en,
                "超过指定天数未活跃的已激活成员，以及从未活跃的成员。" + USERS_NOTE.zh,
            ),
            [
                now(
                    people("feishu_users_inactive", ["days"]),
                    T("{{department}}: {{days}} days", "{{department}}：{{days}} 天"),
                ),
                now(
                    people("feishu_users_never_active"),
                    T("{{department}}: never active", "{{department}}：从未活跃"),
                ),
            ],
            "short",
            min=0,
        ),
    ]


def spread():
    def quantiles(title, what, metric, unit):
        text = T(
            f"{what.en} of a person on the day, by quantile of all its people: 0.5 is the middle one. There are 0.1 and 0.9 from 50 people on, and 0.99 from 500 on. {USERS_NOTE.en}",
            f"每位成员当天的{what.zh}，按全体成员的分位数：0.5 为中位数。50 人以上有 0.1 与 0.9，500 人以上有 0.99。{USERS_NOTE.zh}",
        )
        query = over_time(
            people(metric, ["quantile"], BY_DAY),
            T("{{department}}: {{quantile}}", "{{department}}：{{quantile}}"),
        )
        return days(title, text, [query], unit)

    return [
        bars(
            T("Counted people", "统计人数"),
            T("People in the statistics of users. " + USERS_NOTE.en, "用户统计中的人数。" + USERS_NOTE.zh),
            [now(people("feishu_users"), "{{department}}")],
            "short",
            min=0,
        ),
        counted(
            T("Active by product", "各产品活跃人数"),
            T(
                "People who used the product; they overlap. " + USERS_NOTE.en,
                "使用该产品的人数；人员重叠。" + USERS_NOTE.zh,
            ),
            people("feishu_users_active", ["product"]),
            USER_PRODUCTS,
            "product",
        ),
        counted(
            T("Operating systems", "操作系统"),
            T(
                "People by operating system, each in every one that they use; small groups are other. "
                + USERS_NOTE.en,
                "按操作系统统计，每人可计入多个；人数过少的归入 other。" + USERS_NOTE.zh,
            ),
            people("feishu_users_by_os", ["os"]),
            {"other": OTHER},
            "os",
        ),
        counted(
            T("Clients", "客户端"),
            T(
                "People by client, each in every one that they use; small groups are other. " + USERS_NOTE.en,
                "按客户端统计，每人可计入多个；人数过少的归入 other。" + USERS_NOTE.zh,
            ),
            people("feishu_users_by_client", ["client"]),
            {"other": OTHER},
            "client",
        ),
        quantiles(
            T("Messages of a person", "每人发送消息数分布"),
            T("Messages sent", "发送消息数"),
            "feishu_users_messages_sent",
            "short",
        ),
        quantiles(
            T("Meeting time of a person", "每人会议时长分布"),
            T("Time in meetings", "会议时长"),
            "feishu_users_meeting_duration_seconds",
            "s",
        ),
        days(
            T("Inactive, by day", "不活跃成员趋势"),
            T(
                "Share of the counted people who were not active for more than so many days. "
                + USERS_NOTE.en,
                "超过指定天数未活跃的成员占统计人数的比例。" + USERS_NOTE.zh,
            ),
            [
                over_time(
                    f"{people('feishu_users_inactive', ['days'], BY_DAY)} / on ({KEY}) group_left () {people_of('feishu_users', (), BY_DAY)}",
                    T("{{department}}: {{days}} days", "{{department}}：{{days}} 天"),
                )
            ],
            "percentunit",
            min=0,
        ),
        days(
            T("Meetings", "会议数"),
            T(
                "Meetings of the department's people on the day, each counted for everybody in it. "
                + USERS_NOTE.en,
                "部门成员当天的会议数，每位参会者各计一次。" + USERS_NOTE.zh,
            ),
            [over_time(people("feishu_users_meetings", when=BY_DAY), "{{department}}")],
            "short",
            drawn="bars",
        ),
        days(
            T("Time in meetings", "会议总时长"),
            T(
                "Time in meetings, summed over the department's people. " + USERS_NOTE.en,
                "部门成员会议时长之和。" + USERS_NOTE.zh,
            ),
            [over_time(people("feishu_users_vc_duration_seconds", when=BY_DAY), "{{department}}")],
            "s",
            drawn="bars",
        ),
    ]
