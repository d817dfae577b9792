// node-postgres: prints a line of JSON for each step: its name, its result. The argument is a file of JSON with the calls
// of test/pgtap/untyped.sql.
const { readFileSync } = require('fs');
const { Client } = require('pg');

const show = (name, value) => console.log(JSON.stringify([name, value]));
const text = (value) => (value === null ? '' : String(value));

async function refusal(client, statement, values) {
    try {
        await client.query(statement, values);
    } catch (error) {
        return `${error.code} ${error.constraint || 'None'}`;
    }
    return 'accepted';
}

async function main() {
    const client = new Client();
    await client.connect();
    for (const call of JSON.parse(readFileSync(process.argv[2]))) {
        await client.query('BEGIN');
        try {
            const result = await client.query({ text: call.statement, values: call.values, rowMode: 'array' });
            show(call.statement, result.rows.length ? text(result.rows[0][0]) : '');
        } catch (error) {
            show(call.statement, `${error.code} ${error.message}`);
        }
        await client.query('ROLLBACK');
    }

    const insert = 'INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES ($1, $2, $3, $4)';
    const status = async (contact, name) => (await client.query(
        { name, text: 'SELECT status FROM crm.contact WHERE contact_id = $1', values: [contact] })).rows[0].status;
    await client.query('INSERT INTO crm.contact (contact_id, email) ' +
        "SELECT i, 'c' || i || '@example.org' FROM generate_series(11, 19) i");
    await client.query(insert, [11, 1, 'added', '2026-03-01']);
    show('an enum as a string', await status(11));
    show('a derived column',
        await refusal(client, 'UPDATE crm.contact SET status = $1 WHERE contact_id = $2', ['unsubscribed', 11]));
    show('a wrong shape', await refusal(client, insert, [11, null, 'added', '2026-03-01']));
    show('an unknown contact', await refusal(client, insert, [99999, 1, 'added', '2026-03-01']));
    await client.query('BEGIN');
    await Promise.all([12, 13, 14, 15].map((i) => client.query(insert, [i, 1, 'added', '2026-03-01'])));
    await client.query('COMMIT');
    show('a batch', Number((await client.query('SELECT count(*) FROM crm.contact WHERE status = $1', ['active']))
        .rows[0].count));
    for (let day = 2; day < 9; day += 1) {
        await client.query({ name: 'bounce', text: insert, values: [11, null, 'soft_bounced', `2026-03-0${day}`] });
    }
    show('a prepared statement', await status(11, 'status'));
    // COPY needs another module, so the rows are arrays
    await client.query('INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) ' +
        'SELECT c, 1, k, $3 FROM unnest($1::bigint[], $2::contact_status.event_kind[]) e (c, k)',
    [[12, 13], ['unsubscribed', 'unsubscribed'], '2026-03-02']);
    show('many rows at once', (await client.query(
        'SELECT contact_id FROM crm.contact WHERE status = $1 ORDER BY 1', ['unsubscribed']))
        .rows.map((row) => Number(row.contact_id)));
    show('an array of strings', (await client.query(
        "SELECT contact_id, outcome FROM contact_status.suppress_all('crm', 1, $1, 'complained')",
        [['c14@example.org', 'no address']])).rows
        .map((row) => [row.contact_id && Number(row.contact_id), row.outcome]));
    const retracted = (await client.query(
        "SELECT events, contacts FROM contact_status.retract_events('crm', 'a test', kinds => $1, contact_ids => $2)",
        [['unsubscribed'], [12, 13]])).rows[0];
    show('an array of enums', [Number(retracted.events), Number(retracted.contacts)]);
    show('a row and an exception', await refusal(client, "SELECT contact_status.record_event('crm', $1, $2)",
        ['x', 'opened']));
    await client.end();
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
