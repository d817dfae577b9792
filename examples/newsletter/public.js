// The pages of subscribers: sign-up, confirmation, preferences, one-click opt-out, clicks, and webhooks of providers.
import { randomBytes } from 'node:crypto';
import { checks } from '../webhooks/check.js';
import { html, isSigned, link, page, query, settings, transaction } from './common.js';
import { refuse } from './errors.js';

// Records a sign-up on lists and puts the request to confirm it into the outbox. The page does not depend on the contact,
// so that it shows no subscriptions. A sign-up lowers nobody: an active contact stays active, and an
// opt-out stays until the link in the mail is used. Three requests an hour are enough for one mailbox.
export async function signUp(email, lists) {
    await transaction(async (query) => {
        await query('INSERT INTO news.contact (email) VALUES ($1) ON CONFLICT DO NOTHING', [email]);
        const [{ contact_id: contact }] = await query(
            `SELECT contact_id FROM contact_status.contact_by_email('news', $1)`, [email]);
        const key = randomBytes(16).toString('hex');
        const [asked] = await query(`INSERT INTO news.outbox (contact_id, confirm_key)
            SELECT $1, $2 WHERE 3 > (SELECT count(*) FROM news.outbox WHERE contact_id = $1 AND campaign_id IS NULL
                                        AND created_at > now() - interval '1 hour')
            RETURNING outbox_id`, [contact, key]);
        if (!asked) return;
        const joined = await query(`INSERT INTO news.event (contact_id, list_id, kind, event_key, source)
            SELECT $1, list_id, 'signed_up', $2, 'form' FROM news.list WHERE account_id = 1 AND list_id = ANY ($3)
            RETURNING list_id`, [contact, key, lists]);
        if (!joined.length) throw refuse(400, 'Choose at least one list.');
    }).catch((error) => {    // some policies refuse an address that complained; the answer is the same
        if (error.constraint !== 'contact_status_complaint') throw error;
    });
    return page('Check your mailbox', html`<p>If the address can receive our mail, a message is on its way.
Follow its link to confirm. Without it, nothing changes.</p>`);
}

const listsOf = (contact) => query(`SELECT l.list_id, l.name, s.status, s.consent = 'active' AS is_on,
           contact_status.is_mailable(s.status) AS is_mailed
      FROM news.list l LEFT JOIN news.subscription s ON s.account_id = 1 AND s.list_id = l.list_id AND s.contact_id = $1
     WHERE l.account_id = 1 ORDER BY l.list_id`, [contact]);

const chosen = (form) => [form?.list ?? []].flat();
const checkbox = ({ list_id: id, name, is_on: isOn }) => html`<label class="check">
<input type="checkbox" name="list" value="${id}"${isOn && ' checked'}> ${name}</label>`;
const checkboxes = (lists) => html`<fieldset><legend>Lists</legend>${lists.map(checkbox)}</fieldset>`;

const button = (title, text, name) => page(title, html`<form method="post" class="card"><p>${text}</p>
<button>${name}</button></form>`);

export async function publicPages(app) {
    app.get('/', async () => {
        const lists = (await listsOf(null)).map((list) => ({ ...list, is_on: list.list_id === 1 }));
        return page('A letter every Sunday', html`<p class="lead">One page about gardens, bread and slow travel.
No tracking pixels. Leave with one click.</p>
<form method="post" action="/sign-up" class="card"><label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="email" required maxlength="254">${checkboxes(lists)}
<button>Sign up</button><p class="hint">We send a message to confirm the address first.</p></form>`);
    });

    app.post('/sign-up', ({ body }) => signUp(body?.email ?? '', chosen(body)));

    // The pages below are reached by a link in a mail. Only a POST changes something: scanners follow links by GET.
    const linked = (name, parameters, handler) => app.route({
        method: ['GET', 'POST'],
        url: `/${[name, ...parameters.map((one) => `:${one}`), ':token'].join('/')}`,
        handler: async (request, reply) => {
            const parts = parameters.map((one) => request.params[one]);
            if (!isSigned(request.params.token, name, ...parts)) throw refuse(404, 'This link is not valid.');
            return handler(request, reply, ...parts);
        },
    });

    linked('confirm', ['contact', 'key'], async (request, reply, contact, key) => {
        if (request.method !== 'POST') return button('Confirm', 'Press the button to receive the letter.', 'Confirm');
        const lists = await query(`INSERT INTO news.event (contact_id, list_id, kind, event_key, source)
            SELECT contact_id, list_id, 'confirmed', event_key, 'link' FROM news.event
             WHERE account_id = 1 AND contact_id = $1 AND kind = 'signed_up' AND event_key = $2
            RETURNING list_id`, [contact, key]);
        const isJoined = (list) => list.is_mailed && lists.some((one) => one.list_id === list.list_id);
        const names = (await listsOf(contact)).filter(isJoined).map((list) => list.name);
        if (!names.length) throw refuse(410, 'This link is too old, or a later sign-up replaced it. Please sign up again.');
        return page('Welcome', html`<p>You are subscribed to ${names.join(' and ')}.</p>
<p><a href="${link('preferences', contact)}">Your preferences</a></p>`);
    });

    linked('preferences', ['contact'], async (request, reply, contact) => {
        const [person] = await query('SELECT email FROM news.contact WHERE (account_id, contact_id) = (1, $1)', [contact]);
        if (!person) throw refuse(410, 'Your data was deleted.');
        const lists = await listsOf(contact);
        if (request.method === 'POST' && request.body?.erase) {
            await query(`SELECT contact_status.erase_contact('news', 1, $1)`, [contact]);
            return page('Your data was deleted', html`<p>The address is gone, and imports cannot bring it back.</p>`);
        }
        if (request.method === 'POST') {
            const wanted = chosen(request.body).map(Number);
            const left = lists.filter((list) => list.is_on && !wanted.includes(list.list_id)).map((list) => list.list_id);
            const joined = lists.filter((list) => !list.is_on && wanted.includes(list.list_id)).map((list) => list.list_id);
            await query(`INSERT INTO news.event (contact_id, list_id, kind, source)
                SELECT $1, list_id, 'unsubscribed', 'preferences' FROM unnest($2::bigint[]) AS list_id`, [contact, left]);
            if (!joined.length) return page('Saved', html`<p>Your preferences are saved.</p>`);
            return signUp(person.email, joined);
        }
        return page('Your preferences', html`<form method="post" class="card"><p>${person.email}</p>
${lists.some((list) => list.status === 'complained') && html`<p>You reported our mail as spam, so you receive none.</p>`}
${checkboxes(lists)}<button>Save</button></form><form method="post" class="card">
<label class="check"><input type="checkbox" name="erase" value="yes" required>
Delete my address and all that is known about me</label><button class="danger">Delete</button></form>`);
    });

    // RFC 8058: mail programs post to this link without a person at a browser
    linked('unsubscribe', ['contact', 'list', 'campaign'], async (request, reply, contact, list, campaign) => {
        if (request.method !== 'POST') return button('Unsubscribe', 'Press the button to stop these mails.', 'Unsubscribe');
        await query(`INSERT INTO news.event (contact_id, list_id, campaign_id, kind, source)
            VALUES ($1, $2, $3, 'unsubscribed', 'one-click')`, [contact, list, campaign]);
        return page('Unsubscribed', html`<p>You receive no further mail of this list.</p>
<p><a href="${link('preferences', contact)}">Your preferences</a></p>`);
    });

    // A click of a person makes a contact responsive, so a machine's is only noted.
    linked('click', ['contact', 'campaign'], async (request, reply, contact, campaign) => {
        const agent = request.headers['user-agent'] ?? '';
        const isMachine = request.method === 'HEAD' || !agent.includes('Mozilla') || /bot|crawl|scan/i.test(agent);
        const [target] = await query('SELECT link FROM news.campaign WHERE campaign_id = $1', [campaign]);
        await query(`INSERT INTO news.event (contact_id, campaign_id, kind, reason, source)
            VALUES ($1, $2, $3, $4, 'link')`,
            [contact, campaign, isMachine ? 'noted' : 'clicked', isMachine ? 'machine_click' : null]);
        return reply.redirect(target.link);
    });
}

// Webhooks: /webhooks/PROVIDER takes the payload as it was sent, and checks that the provider sent it.
export async function webhooks(app) {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 2 ** 24 }, (request, body, done) => done(null, body));
    app.post('/webhooks/:provider', async ({ params: { provider }, headers, body, url }, reply) => {
        if (!Object.hasOwn(checks, provider)) return reply.callNotFound();
        const isForm = /^application\/x-www-form-urlencoded/.test(headers['content-type']);
        const fields = isForm ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body);
        const isAuthentic = await checks[provider]({ headers, body, fields, url: settings.publicUrl + url });
        if (!isAuthentic) throw refuse(401, 'Not authentic.');
        const [counts] = await query(`SELECT * FROM contact_status.record_webhook('news', $1, $2)`,
            [provider, JSON.stringify(fields)]);
        return reply.type('application/json').send(counts);
    });
}
