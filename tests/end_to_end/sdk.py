"""Asks for the statistics of a department and day with Feishu's official Python SDK.

Arguments: base URL, app secret, department, day. Prints the rows as JSON.
"""

import json
import sys

import lark_oapi as lark
from lark_oapi.api.admin.v1 import ListAdminDeptStatRequest


def main(base_url: str, secret: str, department: str, day: str) -> None:
    client = (
        lark.Client.builder().app_id("cli_demo").app_secret(secret).domain(base_url).build()
    )
    request = (
        ListAdminDeptStatRequest.builder()
        .department_id_type("open_department_id")
        .department_id(department)
        .start_date(day)
        .end_date(day)
        .contains_child_dept(False)
        .page_size(20)
        .with_product_version(True)
        .build()
    )
    answer = client.admin.v1.admin_dept_stat.list(request)
    if not answer.success():
        sys.exit(f"{answer.code}: {answer.msg} (log id {answer.get_log_id()})")
    json.dump([vars(item) for item in answer.data.items], sys.stdout)


main(*sys.argv[1:])
