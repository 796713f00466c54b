#!/usr/bin/env python3
"""Reads a whole company through the official Python SDK and checks what it says.

Usage: lark_oapi_check.py BASE_URL [--app-id ID] [--app-secret SECRET] [--date YYYY-MM-DD]
                          [--rows DEPARTMENT]

Needs the package lark-oapi. Meant for the simulator (`feishu-exporter simulate`): it asks the token
endpoint and all five others, pages to the end of each, and compares their counts. Exits with 0, or
with 1 and a sentence that says what was wrong. With --rows it prints the statistics of that
department and day as JSON, one row for each product version, instead of a summary.
"""

import argparse
import datetime
import json
import sys
import time

import lark_oapi as lark
from lark_oapi.api.admin.v1 import ListAdminDeptStatRequest, ListAdminUserStatRequest
from lark_oapi.api.auth.v3 import (
    InternalTenantAccessTokenRequest,
    InternalTenantAccessTokenRequestBody,
)
from lark_oapi.api.contact.v3 import BatchDepartmentRequest, FindByDepartmentUserRequest
from lark_oapi.api.directory.v1 import (
    FilterCondition,
    FilterDepartmentRequest,
    FilterDepartmentRequestBody,
    MultiFilterCondition,
    PageCondition,
)

PAGES_MAX = 10_000
THROTTLED = 99991400


class Wrong(Exception):
    """Something is not as it should be."""


def expect(holds, sentence):
    if not holds:
        raise Wrong(sentence)


def expect_types(what, item, types):
    for field, kind in types.items():
        value = getattr(item, field, None)
        expect(
            type(value) is kind,
            f"{what}: {field} should be {kind.__name__} and is {value!r}",
        )


def call(what, method, request):
    """Sends a request, again as long as the API says that there were too many."""
    for _ in range(100):
        reply = method(request)
        if reply.code != THROTTLED:
            break
        time.sleep(float(reply.raw.headers["X-Ogw-Ratelimit-Reset"]))
    expect(
        reply.success(),
        f"{what} failed with code {reply.code} ({reply.msg}), log id {reply.get_log_id()}",
    )
    expect(reply.get_log_id(), f"{what} has no log id")
    return reply


def pages(what, method, request_for):
    """All pages of a list, each as the data of its answer."""
    token, seen = None, set()
    for _ in range(PAGES_MAX):
        data = call(what, method, request_for(token)).data
        yield data
        turn = getattr(data, "page_response", None) or data
        expect(type(turn.has_more) is bool, f"{what} does not say whether there is more")
        if not turn.has_more:
            return
        token = turn.page_token
        expect(token and token not in seen, f"{what} gives the page token {token!r} twice")
        seen.add(token)
    raise Wrong(f"{what} has more than {PAGES_MAX} pages")


def check_token(client, app_id, app_secret):
    body = InternalTenantAccessTokenRequestBody.builder().app_id(app_id).app_secret(app_secret)
    request = InternalTenantAccessTokenRequest.builder().request_body(body.build()).build()
    reply = call("the token", client.auth.v3.tenant_access_token.internal, request)
    flat = json.loads(reply.raw.content)
    expect(str(flat.get("tenant_access_token")).startswith("t-"), "the token does not begin with t-")
    expect(0 < flat.get("expire", 0) <= 7200, f"the token lasts {flat.get('expire')} seconds")


def children(client, parent):
    def request_for(token):
        condition = FilterCondition.builder().field("parent_department_id").operator("eq")
        condition = condition.value(json.dumps(parent)).build()
        page = PageCondition.builder().page_size(7)
        if token:
            page = page.page_token(token)
        body = (
            FilterDepartmentRequestBody.builder()
            .filter(MultiFilterCondition.builder().conditions([condition]).build())
            .required_fields(["*"])
            .page_request(page.build())
        )
        request = FilterDepartmentRequest.builder().department_id_type("open_department_id")
        return request.request_body(body.build()).build()

    found = []
    for data in pages(
        f"the directory below {parent}", client.directory.v1.department.filter, request_for
    ):
        expect(not data.abnormals, f"the directory hides something: {data.abnormals}")
        found += data.departments or []
    for department in found:
        what = f"department {department.department_id} in the directory"
        types = {"department_id": str, "has_child": bool, "order_weight": str, "data_source": int}
        expect_types(what, department, types)
        expect(department.parent_department_id == parent, f"{what} has another parent")
        expect(department.name.default_value, f"{what} has no name")
        for field, value in vars(department.department_count).items():
            expect(type(value) is str and value.isdigit(), f"{what}: {field} is {value!r}")
    return found


def directory(client):
    """All departments below the root, by id."""
    found, parents = {}, ["0"]
    while parents:
        for department in children(client, parents.pop()):
            found[department.department_id] = department
            if department.has_child:
                parents.append(department.department_id)
    expect(found, "the directory has no departments")
    return found


def check_contact(client, departments):
    ids = list(departments)
    for at in range(0, len(ids), 50):
        request = BatchDepartmentRequest.builder().department_ids(ids[at : at + 50])
        request = request.department_id_type("open_department_id").build()
        reply = call("the batch", client.contact.v3.department.batch, request)
        items = reply.data.items or []
        # This SDK looks for leader_type; the document and other SDKs spell it leaderType.
        raw = json.loads(reply.raw.content)["data"]["items"]
        leaders = [[leader["leaderType"] for leader in item["leaders"]] for item in raw]
        expect(all(types[0] == 1 for types in leaders), "a department in the batch has no leader")
        found = {item.open_department_id: item for item in items}
        expect(list(found) == ids[at : at + 50], "the batch has other departments than asked for")
        for id_, item in found.items():
            what = f"department {id_} in the batch"
            types = {"name": str, "department_id": str, "order": str}
            types |= {"member_count": int, "primary_member_count": int}
            expect_types(what, item, types)
            expect(item.status.is_deleted is False, f"{what} is deleted")
            count = departments[id_].department_count.recursive_members_count
            expect(item.member_count == int(count), f"{what} has not the {count} members elsewhere")


def check_members(client, department):
    def request_for(token):
        request = FindByDepartmentUserRequest.builder().department_id(department.department_id)
        return (request.page_token(token) if token else request).build()

    what = f"the members of {department.department_id}"
    users = [
        user
        for data in pages(what, client.contact.v3.user.find_by_department, request_for)
        for user in data.items or []
    ]
    count = int(department.department_count.direct_members_count)
    expect(len({user.open_id for user in users}) == len(users), f"{what}: somebody is there twice")
    expect(len(users) == count, f"{what} are {len(users)}, not {count}")
    for user in users:
        types = {"open_id": str, "name": str, "employee_type": int, "join_time": int}
        expect_types(what, user, types)
        flags = ["is_frozen", "is_resigned", "is_activated", "is_exited", "is_unjoin"]
        expect_types(what, user.status, dict.fromkeys(flags, bool))
    return len(users)


def department_rows(client, date, department, with_children, with_versions):
    """The rows of a department and day."""

    def request_for(token):
        request = (
            ListAdminDeptStatRequest.builder()
            .department_id_type("open_department_id")
            .department_id(department)
            .contains_child_dept(with_children)
            .with_product_version(with_versions)
            .start_date(date)
            .end_date(date)
            .page_size(20)
        )
        return (request.page_token(token) if token else request).build()

    what = f"the statistics of {department} on {date}"
    rows = [
        row
        for data in pages(what, client.admin.v1.admin_dept_stat.list, request_for)
        for row in data.items or []
    ]
    expect(rows, f"{what} are empty")
    for row in rows:
        expect_types(what, row, {"total_user_num": int, "suite_dau": int})
        expect_types(what, row, {"active_user_rate": str, "email_send_count": str})
    return rows


def department_statistics(client, date):
    """The totals of a day, by department."""
    rows = {}
    for row in department_rows(client, date, "0", with_children=True, with_versions=False):
        expect(row.department_id not in rows, f"{row.department_id} has two totals on {date}")
        rows[row.department_id] = row
    return rows


def check_user_statistics(client, date, row):
    def request_for(token):
        request = (
            ListAdminUserStatRequest.builder()
            .department_id_type("open_department_id")
            .department_id(row.department_id)
            .start_date(date)
            .end_date(date)
            .page_size(60)
        )
        return (request.page_token(token) if token else request).build()

    what = f"the users' statistics of {row.department_id} on {date}"
    people = [
        person
        for data in pages(what, client.admin.v1.admin_user_stat.list, request_for)
        for person in data.items or []
    ]
    for person in people:
        types = {"date": str, "user_id": str, "os_name": str, "app_package_type": str}
        types |= {"last_active_time": str, "suite_active_flag": int, "vc_duration": int}
        types |= {"email_send_count": str, "total_search_count": str}
        expect_types(what, person, types)
    active = sum(person.suite_active_flag for person in people)
    mails = sum(int(person.email_send_count) for person in people)
    for name, own, other in [
        ("people", len(people), row.total_user_num),
        ("active people", active, row.suite_dau),
        ("mails", mails, int(row.email_send_count)),
    ]:
        expect(own == other, f"{what} have {own} {name}, the department has {other}")
    return len(people)


def check(options):
    client = lark.Client.builder().app_id(options.app_id).app_secret(options.app_secret)
    client = client.domain(options.base_url.rstrip("/")).log_level(lark.LogLevel.ERROR).build()
    check_token(client, options.app_id, options.app_secret)
    departments = directory(client)
    check_contact(client, departments)
    members = sum(check_members(client, department) for department in departments.values())
    rows = department_statistics(client, options.date)
    people = sum(check_user_statistics(client, options.date, row) for row in rows.values())
    if options.rows:
        rows = department_rows(
            client, options.date, options.rows, with_children=False, with_versions=True
        )
        json.dump([vars(row) for row in rows], sys.stdout)
        return
    print(
        f"All six endpoints agree: {len(departments)} departments with {members} direct members, "
        f"{len(rows)} rows of departments and {people} of people on {options.date}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base_url")
    parser.add_argument("--app-id", default="cli_demo")
    parser.add_argument("--app-secret", default="demo-secret")
    three_days_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=3)
    parser.add_argument("--rows", metavar="DEPARTMENT")
    parser.add_argument("--date", default=three_days_ago.strftime("%Y-%m-%d"))
    try:
        check(parser.parse_args())
    except Wrong as wrong:
        sys.exit(f"{wrong}.")


if __name__ == "__main__":
    main()
