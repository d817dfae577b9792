"""psycopg 3: prints a line of JSON for each step: its name, its result. The argument is a file of JSON with the calls
of test/pgtap/untyped.sql."""
import json
import re
import sys

import psycopg


def show(name, value):
    print(json.dumps([name, value]))


def text(value):
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def refusal(conn, statement, values):
    try:
        with conn.transaction():
            conn.execute(statement, values)
    except psycopg.Error as error:
        return f"{error.sqlstate} {error.diag.constraint_name}"
    return "accepted"


conn = psycopg.connect("", autocommit=True)
for call in json.load(open(sys.argv[1])):
    statement = re.sub(r"\$\d+", "%s", call["statement"].replace("%", "%%"))
    try:
        with conn.transaction(force_rollback=True):
            row = conn.execute(statement, call["values"]).fetchone()
        show(call["statement"], text(row[0]) if row else "")
    except psycopg.Error as error:
        show(call["statement"], f"{error.sqlstate} {error}")

insert = "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (%s, %s, %s, %s)"
status = "SELECT status FROM crm.contact WHERE contact_id = %s"
conn.execute("INSERT INTO crm.contact (contact_id, email) "
             "SELECT i, 'c' || i || '@example.org' FROM generate_series(11, 19) i")
conn.execute(insert, (11, 1, "added", "2026-03-01"))
show("an enum as a string", conn.execute(status, (11,)).fetchone()[0])
show("a derived column",
     refusal(conn, "UPDATE crm.contact SET status = %s WHERE contact_id = %s", ("unsubscribed", 11)))
show("a wrong shape", refusal(conn, insert, (11, None, "added", "2026-03-01")))
show("an unknown contact", refusal(conn, insert, (99999, 1, "added", "2026-03-01")))
with conn.transaction():
    conn.cursor().executemany(insert, [(i, 1, "added", "2026-03-01") for i in range(12, 16)])
show("a batch", conn.execute("SELECT count(*) FROM crm.contact WHERE status = %s", ("active",)).fetchone()[0])
for day in range(2, 9):
    conn.execute(insert, (11, None, "soft_bounced", f"2026-03-{day:02}"), prepare=True)
show("a prepared statement", conn.execute(status, (11,), prepare=True).fetchone()[0])
with conn.cursor().copy("COPY crm.event (contact_id, list_id, kind, occurred_at) FROM STDIN") as copy:
    for i in range(12, 14):
        copy.write_row((i, 1, "unsubscribed", "2026-03-02"))
show("many rows at once", [row[0] for row in conn.execute(
    "SELECT contact_id FROM crm.contact WHERE status = %s ORDER BY 1", ("unsubscribed",))])
show("an array of strings", [list(row) for row in conn.execute(
    "SELECT contact_id, outcome FROM contact_status.suppress_all('crm', 1, %s, 'complained')",
    (["c14@example.org", "no address"],))])
show("an array of enums", list(conn.execute(
    "SELECT events, contacts FROM contact_status.retract_events('crm', 'a test', kinds => %s, contact_ids => %s)",
    (["unsubscribed"], [12, 13])).fetchone()))
show("a row and an exception", refusal(conn, "SELECT contact_status.record_event('crm', %s, %s)", ("x", "opened")))
