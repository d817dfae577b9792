// Receives webhooks of mail providers at /webhooks/PROVIDER, checks them, and records them with contact_status. Receives
// one-click opt-outs (RFC 8058) at /unsubscribe/CONTACT/TOKEN.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import pg from 'pg';
import { checks } from './check.js';

const schema = process.env.CONTACT_STATUS_SCHEMA ?? 'crm';
const maxBody = 20 * 1024 * 1024;
const pool = new pg.Pool({ max: 5 });

async function bodyOf(request) {
    const parts = [];
    let size = 0;
    for await (const part of request) {
        size += part.length;
        if (size > maxBody) throw Object.assign(new Error('the body is too large'), { status: 413 });
        parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
}

// The fields of a body: JSON, or a form, where a name that occurs more than once has an array.
function fieldsOf(body, type) {
    if (!/^application\/x-www-form-urlencoded/.test(type ?? '')) return JSON.parse(body);
    const form = new URLSearchParams(body);
    return Object.fromEntries([...new Set(form.keys())].map((name) => {
        const values = form.getAll(name);
        return [name, values.length === 1 ? values[0] : values];
    }));
}

async function record(provider, request) {
    const body = await bodyOf(request);
    const fields = fieldsOf(body, request.headers['content-type']);
    const url = (process.env.PUBLIC_URL ?? '') + request.url;
    if (!await checks[provider]({ headers: request.headers, body, fields, url })) return [401, { error: 'not authentic' }];
    const { rows } = await pool.query('SELECT * FROM contact_status.record_webhook($1, $2, $3)',
        [schema, provider, JSON.stringify(fields)]);
    return [200, rows[0]];
}

// The token of the link in the header List-Unsubscribe of a mail.
export function unsubscribeToken(contact) {
    return createHmac('sha256', process.env.UNSUBSCRIBE_KEY ?? '').update(contact).digest('hex');
}

// Only a POST opts out: scanners of links follow the link by GET.
async function unsubscribe(contact, token, request) {
    const expected = unsubscribeToken(contact);
    if (!process.env.UNSUBSCRIBE_KEY || token.length !== expected.length
        || !timingSafeEqual(Buffer.from(token), Buffer.from(expected))) return [404, { error: 'no such link' }];
    if (request.method !== 'POST') return [200, { message: 'POST this URL to unsubscribe' }];
    await pool.query(`INSERT INTO ${pg.escapeIdentifier(schema)}.event (contact_id, kind, source)
        VALUES ($1, 'unsubscribed', 'one-click')`, [contact]);
    return [200, { message: 'unsubscribed' }];
}

async function answer(request) {
    const [, page, name, token] = new URL(request.url, 'http://localhost').pathname.split('/');
    if (page === 'unsubscribe' && token) return unsubscribe(name, token, request);
    if (page !== 'webhooks' || !Object.hasOwn(checks, name)) return [404, { error: 'no such page' }];
    if (request.method !== 'POST') return [405, { error: 'POST only' }];
    return record(name, request);
}

createServer(async (request, response) => {
    let status;
    let result;
    try {
        [status, result] = await answer(request);
    } catch (error) {
        // A provider posts again after 5xx. After another error of the payload that would not help.
        status = error.status ?? (error instanceof SyntaxError || error.code === '22023' ? 400 : 500);
        result = { error: status === 500 ? 'not recorded, post it again' : error.message };
        if (status === 500) console.error(error);
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(result) + '\n');
}).listen(Number(process.env.PORT ?? 8080), '127.0.0.1', function () {
    console.log(`listening on port ${this.address().port}`);
});
