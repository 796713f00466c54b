-- The first schema. What stands here is never changed: a later one is a file of its own.

CREATE TABLE tenants (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,              -- the label `tenant`
    app_id     TEXT NOT NULL,              -- an app belongs to one company, whose days these are
    rate_scale TEXT,                       -- how its rates are read: ratio, percent; NULL: unknown
    UNIQUE (name, app_id)
);

-- What was learned of a tenant and need not be found out again.
CREATE TABLE memory (
    tenant INTEGER NOT NULL REFERENCES tenants,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;

-- Requests sent, by calendar month in the zone of the statistics.
CREATE TABLE requests (
    tenant   INTEGER NOT NULL REFERENCES tenants,
    month    TEXT NOT NULL,                -- 2026-11
    endpoint TEXT NOT NULL,                -- as in the label `endpoint`
    requests INTEGER NOT NULL,
    PRIMARY KEY (tenant, month, endpoint)
) WITHOUT ROWID;

-- What is asked for: a department, alone or with those below it.
CREATE TABLE targets (
    id               INTEGER PRIMARY KEY,
    tenant           INTEGER NOT NULL REFERENCES tenants,
    geo              TEXT NOT NULL,
    department_id    TEXT NOT NULL,
    include_children INTEGER NOT NULL,     -- 0, 1
    held             TEXT,                 -- the newest day read by the live collection
    complete         INTEGER NOT NULL DEFAULT 0,
    reasks           INTEGER NOT NULL DEFAULT 0,
    rows_before      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, geo, department_id, include_children)
);

-- The lists that were read of a target. A day without rows in a list that was read has none.
CREATE TABLE lists (
    target     INTEGER NOT NULL REFERENCES targets,
    day        TEXT NOT NULL,              -- 2026-11-22, in the zone of the statistics
    extent     TEXT NOT NULL,              -- total: only totals were asked for; part; whole; short
    fetched_at TEXT NOT NULL,              -- 2026-11-23T01:31:00Z
    PRIMARY KEY (target, day)
) WITHOUT ROWID;

-- A department as it is counted: alone, or asked for with those below it, which may count more.
CREATE TABLE departments (
    id               INTEGER PRIMARY KEY,
    tenant           INTEGER NOT NULL REFERENCES tenants,
    geo              TEXT NOT NULL,
    department_id    TEXT NOT NULL,
    include_children INTEGER NOT NULL,
    name             TEXT NOT NULL,        -- in the row of the day named_on, the newest seen
    path             TEXT NOT NULL,
    named_on         TEXT NOT NULL,
    UNIQUE (tenant, geo, department_id, include_children)
);

-- Which departments the lists of a target held.
CREATE TABLE members (
    target     INTEGER NOT NULL REFERENCES targets,
    department INTEGER NOT NULL REFERENCES departments,
    PRIMARY KEY (target, department)
) WITHOUT ROWID;

CREATE TABLE versions (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO versions (id, name) VALUES (0, 'all');

-- The figures of a department's day: a row for the total (version 0) and for each product version.
-- Columns are named as Feishu's fields; durations are in seconds, rates as Feishu sent them.
CREATE TABLE figures (
    department INTEGER NOT NULL REFERENCES departments,
    version    INTEGER NOT NULL REFERENCES versions,
    day        TEXT NOT NULL,
    total_user_num REAL,
    active_user_num REAL,
    active_user_rate REAL,
    suite_dau REAL,
    suite_active_rate REAL,
    new_user_num REAL,
    new_active_num REAL,
    resign_user_num REAL,
    im_dau REAL,
    send_messenger_user_num REAL,
    send_messenger_num REAL,
    avg_send_messenger_num REAL,
    docs_dau REAL,
    create_docs_user_num REAL,
    create_docs_num REAL,
    avg_create_docs_num REAL,
    cal_dau REAL,
    create_cal_user_num REAL,
    create_cal_num REAL,
    avg_create_cal_num REAL,
    vc_dau REAL,
    vc_duration REAL,
    avg_vc_duration REAL,
    avg_duration REAL,
    task_dau REAL,
    create_task_user_num REAL,
    create_task_num REAL,
    avg_create_task_num REAL,
    email_send_count REAL,
    email_receive_count REAL,
    email_send_ext_count REAL,
    email_receive_ext_count REAL,
    email_send_in_count REAL,
    email_receive_in_count REAL,
    search_active_dau REAL,
    total_search_count REAL,
    quick_search_count REAL,
    tab_search_count REAL,
    percent_signs INTEGER NOT NULL,        -- bit i: the i-th figure came with a % and is 0..1 already
    PRIMARY KEY (department, version, day)
) WITHOUT ROWID;

-- Days that a remote-write receiver accepted.
CREATE TABLE pushes (
    receiver   TEXT NOT NULL,              -- its address and the labels that were added
    department INTEGER NOT NULL REFERENCES departments,
    day        TEXT NOT NULL,
    PRIMARY KEY (receiver, department, day)
) WITHOUT ROWID;

-- For people: every department's day, with columns named as the metrics, less `feishu_department_`.
CREATE VIEW department_days AS
SELECT
    t.name AS tenant,
    d.geo AS geo,
    d.department_id AS department_id,
    d.name AS department,
    d.path AS department_path,
    d.include_children AS include_children,
    v.name AS product_version,
    f.day AS day,
    f.total_user_num AS users,
    f.active_user_num AS activated_users,
    CASE
        WHEN f.percent_signs & 4 OR t.rate_scale = 'ratio' THEN f.active_user_rate
        WHEN t.rate_scale = 'percent' THEN f.active_user_rate / 100.0
    END AS activated_users_ratio,
    f.suite_dau AS suite_dau,
    CASE
        WHEN f.percent_signs & 16 OR t.rate_scale = 'ratio' THEN f.suite_active_rate
        WHEN t.rate_scale = 'percent' THEN f.suite_active_rate / 100.0
    END AS suite_active_ratio,
    f.new_user_num AS new_users,
    f.new_active_num AS new_activated_users,
    f.resign_user_num AS resigned_users,
    f.im_dau AS im_dau,
    f.send_messenger_user_num AS message_senders,
    f.send_messenger_num AS messages_sent,
    f.avg_send_messenger_num AS messages_sent_per_user,
    f.docs_dau AS docs_dau,
    f.create_docs_user_num AS docs_creators,
    f.create_docs_num AS docs_created,
    f.avg_create_docs_num AS docs_created_per_user,
    f.cal_dau AS calendar_dau,
    f.create_cal_user_num AS calendar_event_creators,
    f.create_cal_num AS calendar_events_created,
    f.avg_create_cal_num AS calendar_events_created_per_user,
    f.vc_dau AS vc_dau,
    f.vc_duration AS vc_duration_seconds,
    f.avg_vc_duration AS vc_duration_per_user_seconds,
    f.avg_duration AS usage_duration_per_user_seconds,
    f.task_dau AS task_dau,
    f.create_task_user_num AS task_creators,
    f.create_task_num AS tasks_created,
    f.avg_create_task_num AS tasks_created_per_user,
    f.email_send_count AS emails_sent,
    f.email_receive_count AS emails_received,
    f.email_send_ext_count AS emails_sent_external,
    f.email_receive_ext_count AS emails_received_external,
    f.email_send_in_count AS emails_sent_internal,
    f.email_receive_in_count AS emails_received_internal,
    f.search_active_dau AS search_dau,
    f.total_search_count AS searches,
    f.quick_search_count AS quick_searches,
    f.tab_search_count AS tab_searches
FROM figures AS f
JOIN departments AS d ON d.id = f.department
JOIN tenants AS t ON t.id = d.tenant
JOIN versions AS v ON v.id = f.version;
