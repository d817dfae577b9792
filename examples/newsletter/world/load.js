// Sends a campaign to many contacts, at the receiving side of the example: make newsletter-load CONTACTS=100000. Prints the
// progress, and mails and events a second.
import { setTimeout as sleep } from 'node:timers/promises';

Object.assign(process.env, { RETRY_SECONDS: '1', REPORT_MS: '1000' });
const { start } = await import('../server.js');
const { query } = await import('../common.js');
const { send } = await import('../send.js');

const contacts = Number(process.env.CONTACTS || 100000);
let isStopped = false;
process.on('SIGINT', () => { isStopped = true; });

const { adminUrl, counts, stop } = await start({ data: [], sending: { workers: 3, batch: 250, connections: 16 } });
const seconds = (since) => (Date.now() - since) / 1000;

let begin = Date.now();
await query('UPDATE news.account SET contact_limit = NULL WHERE account_id = 1');
// of 1000 contacts: 10 unknown, 20 full, 5 blocked, 20 greylisted, 5 that bounce later and 2 that complain
await query(`INSERT INTO news.contact (email)
    SELECT CASE WHEN n % 1000 < 10 THEN 'gone' WHEN n % 1000 < 30 THEN 'full' WHEN n % 1000 < 35 THEN 'block'
                WHEN n % 1000 < 55 THEN 'grey' WHEN n % 1000 < 60 THEN 'late' WHEN n % 1000 < 62 THEN 'spam'
                ELSE 'user' END || n || '@load.example'
      FROM generate_series(1, $1::bigint) n`, [contacts]);
await query(`INSERT INTO news.event (contact_id, list_id, kind, source)
    SELECT contact_id, 1, 'added', 'load' FROM news.contact ORDER BY contact_id`);
await query('VACUUM ANALYZE');
console.log(`${contacts} contacts are imported in ${seconds(begin).toFixed(1)} s`);

begin = Date.now();
const campaign = await send({ list: 1, subject: 'A load of mail', body: 'Hello.', link: 'https://www.example.org/' });
console.log(`the outbox is filled, ${seconds(begin).toFixed(1)} s; the report: ${adminUrl}/campaigns/${campaign}`);

begin = Date.now();
let [waiting, reports] = [contacts, 0];
const expected = Math.floor(contacts / 1000) * 7;
for (let last = begin; !isStopped && (waiting || reports < expected) && Date.now() - last < 30000;) {
    const before = { ...counts, reports };
    await sleep(1000);
    [{ waiting }] = await query('SELECT count(*) AS waiting FROM news.outbox WHERE send_at IS NOT NULL');
    [{ reports }] = await query(`SELECT count(*) AS reports FROM news.event WHERE campaign_id = $1 AND source = 'report'`,
        [campaign]);
    if (counts.mails > before.mails || reports > before.reports) last = Date.now();
    console.log(`${String(Math.round(seconds(begin))).padStart(4)} s: ${contacts - waiting} of ${contacts} mails done, ${
        counts.mails - before.mails} mails and ${counts.events - before.events} events in this second, ${
        reports} reports`);
}
const [kinds, time] = [await query(`SELECT kind, count(*) AS events FROM news.event WHERE campaign_id = $1
    GROUP BY kind ORDER BY kind`, [campaign]), await query(`SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) AS s
    FROM news.event WHERE campaign_id = $1 AND source = 'smtp'`, [campaign])];
const events = kinds.reduce((sum, row) => sum + row.events, 0);
console.log(kinds.map((row) => `${row.events} ${row.kind}`).join(', '));
console.log(`${Math.round(counts.mails / time[0].s)} mails and ${Math.round(events / time[0].s)} events a second`);
console.log(`verify finds ${(await query(`SELECT 1 FROM contact_status.verify('news')`)).length} differences`);
await stop();
process.exit(isStopped ? 130 : 0);
