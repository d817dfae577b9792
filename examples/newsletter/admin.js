// The pages of the sender. They are on a port of their own on the loopback address, and are not for the public.
import { contentPolicy, dot, html, page, query, table, transaction } from './common.js';
import { refuse } from './errors.js';
import { send } from './send.js';

const menu = [['/', 'Overview'], ['/contacts', 'Contacts'], ['/campaigns', 'Campaigns'], ['/policy', 'Rules']];
const kinds = ['unsubscribed', 'resubscribed', 'suspended', 'released', 'invalidated', 'validated', 'complaint in error'];
const shown = (title, body, scripts = ['admin.js']) => page(title, body, { menu, scripts });
const select = (name, values, current) => html`<select id="${name}" name="${name}">${values.map(([value, text]) => html`
<option value="${value}"${value === current && ' selected'}>${text ?? value.replace('_', ' ')}</option>`)}</select>`;
const field = (id, label, value) => html`<label for="${id}">${label}</label>
<input id="${id}" name="${id}" value="${value}" required maxlength="500">`;

const statuses = async () => (await query(
    'SELECT status FROM unnest(enum_range(NULL::contact_status.contact_status)) AS status')).map((row) => [row.status]);
const campaigns = (limit) => query(`SELECT campaign_id, k.subject, r.sent, round(100 * r.delivery_rate, 1) AS "delivered %",
       round(100 * r.click_rate, 1) AS "clicked %", r.unsubscribed AS "opted out", r.complained
  FROM news.campaign k LEFT JOIN news.campaign_report r USING (campaign_id) ORDER BY campaign_id DESC LIMIT $1`, [limit]);

// The consumer "log" of the change feed: each committed change once, in order. The page shows the newest ones.
const changes = [];
export async function readChanges() {
    const rows = await query(`SELECT c.email AS contact, r.contact_id, r.previous_status AS before, r.status AS after,
               r.kind AS event, r.changed_at AS time
          FROM contact_status.read_changes('news', 'log') WITH ORDINALITY
            AS r (account_id, list_id, contact_id, previous_status, status, changed_at, kind, n)
          LEFT JOIN news.contact c USING (account_id, contact_id) WHERE r.list_id IS NULL ORDER BY n`);
    changes.unshift(...rows.reverse());
    changes.length = Math.min(changes.length, 12);
}

export async function adminPages(app) {
    // A page of another site can neither post here nor, by a name of its own for this address, read pages.
    app.addHook('onRequest', async ({ socket, headers, method }) => {
        const own = [`127.0.0.1:${socket.localPort}`, `localhost:${socket.localPort}`];
        if (!own.includes(headers.host)) throw refuse(403, 'Open this page by its address 127.0.0.1.');
        if (method !== 'GET' && headers.origin !== `http://${headers.host}`) throw refuse(403, 'This form is foreign.');
    });

    app.get('/', async () => {
        const [[account], counts, days, newest] = await Promise.all([
            query('SELECT active_contacts, contact_limit, over_limit FROM news.active_contacts WHERE account_id = 1'),
            query(`SELECT s.status, coalesce(n.contacts, 0) AS contacts
                FROM unnest(enum_range(NULL::contact_status.contact_status)) AS s (status)
                LEFT JOIN news.account_status_count n ON n.account_id = 1 AND n.status = s.status ORDER BY s.status`),
            query(`SELECT to_char(d.day, 'YYYY-MM-DD') AS day, d.active_contacts AS active, a.contact_limit AS limit
                FROM contact_status.active_contacts_by_day('news', 1, current_date - 60, current_date) d
                JOIN news.account a ON a.account_id = 1 ORDER BY d.day`),
            campaigns(5)]);
        return shown('Overview', html`<div data-refresh="counts"><p class="lead">${account.active_contacts} active contacts${
            account.contact_limit && ` of ${account.contact_limit}`}${account.over_limit && ' (over the limit)'}</p>
<ul class="tiles">${counts.map(({ status, contacts }) => html`<li><a href="/contacts?status=${status}">
<b>${contacts}</b>${dot(status)}</a></li>`)}</ul></div>
<section class="card"><h2>Active contacts and the limit</h2><div class="chart"><canvas data-chart="days" role="img"
aria-label="Active contacts on each of the last 60 days, and the limit. The table below has the numbers."></canvas></div>
<details><summary>The numbers</summary><div id="days">${table('Active contacts', days)}</div></details></section>
<section class="card" data-refresh="campaigns"><h2>Campaigns</h2>${table('The newest campaigns', newest)}</section>
<section class="card" data-refresh="changes"><h2>Changes of status</h2>${table('The newest changes', changes)}</section>`,
        ['chart.umd.min.js', 'admin.js']);
    });

    // A page begins after the last contact of the page before it, so each page reads 50 entries of an index.
    app.get('/contacts', async ({ query: { status = '', after = 0, email = '' } }, reply) => {
        const [found] = await query(`SELECT contact_id FROM contact_status.contact_by_email('news', $1)`, [email]);
        if (found) return reply.redirect(`/contacts/${found.contact_id}`);
        const rows = await query(`SELECT contact_id, email, first_name AS name, status, created_at AS since FROM news.contact
             WHERE account_id = 1 AND ($1 = '' OR status = nullif($1, '')::contact_status.contact_status) AND contact_id > $2
             ORDER BY contact_id LIMIT 50`, [status, after]);
        const next = rows.length === 50 && new URLSearchParams({ status, after: rows.at(-1).contact_id });
        return shown('Contacts', html`<div class="bar"><form class="bar"><label for="status">Status</label>
${select('status', [['', 'all'], ...await statuses()], status)}<button>Show</button></form>
<form class="bar">${field('email', 'Address', email)}<button>Find</button></form></div>
${email && html`<p role="alert">No contact has this address.</p>`}${table('Contacts', rows)}
<nav class="bar" aria-label="Pages">${after > 0 && html`<a href="/contacts?status=${status}">First page</a>`}
${next && html`<a rel="next" href="/contacts?${next}">Next page</a>`}</nav>
<form method="post" action="/contacts" class="card"><h2>Add a contact</h2>${field('address', 'Address')}
${field('evidence', 'Where the consent is from')}<button>Add to the weekly letter</button></form>`);
    });

    app.post('/contacts', async ({ body }, reply) => {
        const id = await transaction(async (query) => {
            const [row] = await query('INSERT INTO news.contact (email) VALUES ($1) RETURNING contact_id', [body?.address]);
            await query(`INSERT INTO news.event (contact_id, list_id, kind, source, evidence)
                VALUES ($1, 1, 'added', 'admin', $2)`, [row.contact_id, body.evidence]);
            return row.contact_id;
        });
        return reply.redirect(`/contacts/${id}`, 303);
    });

    app.get('/contacts/:id', async ({ params: { id } }) => {
        const [[contact], lists, facts, history, events] = await Promise.all([
            query('SELECT email, status FROM news.contact WHERE account_id = 1 AND contact_id = $1', [id]),
            query(`SELECT l.name AS list, s.status FROM news.subscription s JOIN news.list l USING (account_id, list_id)
                WHERE s.account_id = 1 AND s.contact_id = $1 ORDER BY l.list_id`, [id]),
            query(`SELECT fact, status, since, kind AS event, reason, detail, lifted_by AS "lifted by"
                FROM contact_status.explain_status('news', 1, $1)`, [id]),
            query(`SELECT changed_at AS time, previous_status AS before, status AS after, kind AS event
                FROM news.contact_history WHERE account_id = 1 AND contact_id = $1 ORDER BY 1 DESC LIMIT 50`, [id]),
            query(`SELECT occurred_at AS time, kind AS event, list_id AS list, campaign_id AS campaign, source, reason,
                       reply, CASE WHEN retracted_at IS NOT NULL THEN 'yes' END AS retracted
                FROM news.event WHERE account_id = 1 AND contact_id = $1 ORDER BY occurred_at DESC LIMIT 50`, [id])]);
        if (!contact) throw refuse(404, 'There is no such contact.');
        return shown(contact.email, html`<p class="lead">${dot(contact.status)}</p>
<section class="card"><h2>Why</h2>${table('Facts that hold now', facts)}${table('Lists', lists)}</section>
<form method="post" class="card"><h2>Record an event</h2><label for="kind">Event</label>
${select('kind', kinds.map((kind) => [kind]))}${field('reason', 'Reason, or evidence for a consent')}
<button>Record</button></form><section class="card"><h2>History</h2>${table('Changes of the status', history)}
${table('The newest events', events)}</section>`);
    });

    app.post('/contacts/:id', async ({ params: { id }, body }, reply) => {
        const kind = kinds.find((one) => one === body?.kind);
        if (kind === 'complaint in error') {
            await query(`SELECT contact_status.retract_events('news', $2, kinds => '{complained}',
                contact_ids => ARRAY[$1::bigint])`, [id, body.reason]);
        } else {
            await query(`INSERT INTO news.event (contact_id, list_id, kind, source, evidence, reason)
                VALUES ($1, $2, $3, 'admin', $4, $4)`, [id, kind === 'resubscribed' ? 1 : null, kind, body?.reason]);
        }
        return reply.redirect(`/contacts/${id}`, 303);
    });

    app.get('/campaigns', async () => {
        const lists = await query('SELECT list_id, name FROM news.list WHERE account_id = 1 ORDER BY list_id');
        return shown('Campaigns', html`<form method="post" action="/campaigns" class="card"><h2>Write</h2>
<label for="list">List</label>${select('list', lists.map((list) => [list.list_id, list.name]))}
${field('subject', 'Subject')}<label for="body">Text</label><textarea id="body" name="body" rows="6" required></textarea>
${field('link', 'Link', 'https://www.example.org/')}<button>Send now</button></form>
${table('Campaigns', await campaigns(50))}`);
    });

    app.post('/campaigns', async ({ body }, reply) => reply.redirect(`/campaigns/${await send(body ?? {})}`, 303));

    app.get('/campaigns/:id', async ({ params: { id } }) => {
        const [[campaign], events, results, bounces, [mails]] = await Promise.all([
            query('SELECT subject FROM news.campaign WHERE campaign_id = $1', [id]),
            query(`SELECT kind AS event, (to_jsonb(r)->>kind)::bigint AS events, (to_jsonb(r)->>(kind || '_contacts'))::bigint
                AS contacts FROM news.campaign_report r, unnest('{sent,delivered,soft_bounced,blocked,hard_bounced,nonexistent,
                clicked,unsubscribed,complained}'::text[]) AS kind WHERE r.account_id = 1 AND r.campaign_id = $1`, [id]),
            query(`SELECT ok, temporary_error, permanent_error FROM news.campaign_report
                WHERE account_id = 1 AND campaign_id = $1`, [id]),
            query(`SELECT kind, reason, events, contacts FROM contact_status.bounce_reasons('news', $1)`, [id]),
            query(`SELECT count(*) AS total, count(*) - count(send_at) AS done, count(*) FILTER (WHERE outcome = 'skipped')
                AS skipped FROM news.outbox WHERE campaign_id = $1`, [id])]);
        if (!campaign) throw refuse(404, 'There is no such campaign.');
        return shown(campaign.subject, html`<div data-refresh="report"><label for="sent">${mails.done} of ${mails.total}
mails are done${mails.skipped > 0 && `, ${mails.skipped} of them skipped`}</label>
<progress id="sent" max="${mails.total || 1}" value="${mails.done}"></progress>
<section class="card">${table('Events', events)}${table('Contacts by result', results)}${table('Bounces', bounces)}</section>
</div>`);
    });

    app.get('/policy', async ({ query: { name = 'default', status = 'active' } }, reply) => {
        reply.header('content-security-policy', contentPolicy("'self' 'unsafe-inline'"));    // styles of the diagram
        const [[{ diagram = '' } = {}], names, steps] = await Promise.all([
            query(`SELECT contact_status.state_diagram(p::contact_status.policy) AS diagram
                FROM news.policy p WHERE name = $1`, [name]),
            query('SELECT name FROM news.policy ORDER BY name'),
            query(`SELECT coalesce(to_status::text, 'no list') AS after, string_agg(coalesce(event::text, 'time'), ', ') AS event
                FROM news.policy p, contact_status.transitions(p::contact_status.policy)
                WHERE name = $1 AND coalesce(from_status::text, '') = $2 GROUP BY to_status ORDER BY to_status`,
            [name, status])]);
        const lines = diagram.split('\n').filter((line, n) => !n || line.trim().startsWith(`${status || '[*]'} `));
        return shown('Rules', html`<form class="bar"><label for="name">Policy</label>
${select('name', names.map((row) => [row.name]), name)}<label for="status">Changes from</label>
${select('status', [['', 'no list'], ...await statuses()], status)}<button>Show</button></form>
<section class="card"><h2>Changes of status</h2><div class="scroll" tabindex="0" role="region" aria-label="Diagram">
<pre class="mermaid">${lines.join('\n')}</pre></div>${table('The same as a table', steps)}</section>`,
        ['mermaid.min.js', 'admin.js']);
    });
}
