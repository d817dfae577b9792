// What the other files share: settings, the database, tokens of links, and pages.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import formbody from '@fastify/formbody';
import files from '@fastify/static';
import pg from 'pg';
import { explain } from './errors.js';

for (const type of ['INT8', 'NUMERIC']) pg.types.setTypeParser(pg.types.builtins[type], Number);

export const settings = {
    domain: 'news.example',
    publicUrl: process.env.PUBLIC_URL ?? '',     // server.js sets it to its own port if it is empty
    secret: process.env.NEWSLETTER_SECRET || randomBytes(32).toString('hex'),
    retryAfter: Number(process.env.RETRY_SECONDS ?? 3),
};

// --- the database

export const pool = new pg.Pool({ max: 8 });
pool.on('error', () => {});    // an idle connection that broke; the next query opens another one

export const query = async (text, values) => (await pool.query(text, values)).rows;

// Runs work(query) in a transaction, and again after a deadlock or a serialization failure.
export async function transaction(work) {
    for (let attempt = 1; ; attempt++) {
        const client = await pool.connect();
        try {
            await client.query('BEGIN');
            const result = await work(async (text, values) => (await client.query(text, values)).rows);
            await client.query('COMMIT');
            return result;
        } catch (error) {
            await client.query('ROLLBACK').catch(() => {});
            if (!['40P01', '40001'].includes(error.code) || attempt === 5) throw error;
        } finally {
            client.release();
        }
    }
}

// --- tokens: only this application makes them, so a link with a right one is one that it mailed

export const sign = (...parts) => createHmac('sha256', settings.secret).update(JSON.stringify(parts.map(String)))
    .digest('base64url');

export function isSigned(token, ...parts) {
    const [given, expected] = [Buffer.from(String(token)), Buffer.from(sign(...parts))];
    return given.length === expected.length && timingSafeEqual(given, expected);
}

export const link = (name, ...parts) => [settings.publicUrl, name, ...parts, sign(name, ...parts)].join('/');

// --- pages

class Html extends String {}
const escaped = (value) => value instanceof Html ? value
    : Array.isArray(value) ? value.map(escaped).join('')
    : value === null || value === undefined || value === false ? ''
    : String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

// A template that escapes each value, except HTML that another template made.
export const html = (texts, ...values) => new Html(String.raw({ raw: texts }, ...values.map(escaped)));

// Text as HTML: paragraphs, and a link for each line "label: address".
export const asHtml = (text) => html`${text.trim().split(/\n\n+/).map((part) => html`<p>${part.split('\n').map((line) => {
    const [, label, address] = /^(.+): (https?:\/\/\S+)$/.exec(line) ?? [];
    return address ? html`<a href="${address}">${label}</a><br>` : html`${line}<br>`;
})}</p>`)}`;

const when = (time) => html`<time>${time.toISOString().slice(0, 16).replace('T', ' ')}</time>`;
export const dot = (status) => status && html`<span class="status ${status}">${status.replace('_', ' ')}</span>`;

// A table of rows of the database, with the columns of the query. An id is not shown: the first column links to its page.
const links = { contact_id: 'contacts', campaign_id: 'campaigns' };
export function table(caption, rows) {
    const names = Object.keys(rows[0] ?? {}).filter((name) => !links[name]);
    const number = (name) => rows.some((row) => typeof row[name] === 'number') && html` class="number"`;
    const cell = (row, name) => {
        const value = row[name] instanceof Date ? when(row[name])
            : ['status', 'before', 'after'].includes(name) ? dot(row[name]) : row[name];
        const id = name === names[0] && Object.keys(links).find((one) => row[one]);
        return id ? html`<a href="/${links[id]}/${row[id]}">${value ?? row[id]}</a>` : value;
    };
    return html`<table><caption>${caption}${!rows.length && ': none'}</caption>
<thead><tr>${names.map((name) => html`<th scope="col"${number(name)}>${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${names.map((name) => html`<td data-name="${name}"${number(name)}>${cell(row, name)}</td>`)}
</tr>`)}</tbody></table>`;
}

export const page = (title, body, { menu = [], scripts = [], brand = 'The Sunday Letter' } = {}) => `<!doctype html>${
    html`<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/style.css"><link rel="icon" href="/static/icon.svg" type="image/svg+xml">
${scripts.map((name) => html`<script src="/static/${name}" defer></script>`)}</head><body>
<a class="skip" href="#main">Skip to the content</a>
<header><a class="brand" href="/">${brand}</a>
<nav aria-label="Main">${menu.map(([path, name]) => html`<a href="${path}">${name}</a>`)}</nav></header>
<main id="main"><h1>${title}</h1>${body}</main></body></html>`}`;

export const contentPolicy = (styles) => `default-src 'none'; script-src 'self'; style-src ${styles}; img-src 'self' data:; `
    + "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

// Serves the files, sets the headers of each page, and turns errors into pages.
export async function setUp(app) {
    await app.register(formbody);
    await app.register(files, { prefix: '/static/', root: ['static', 'node_modules/chart.js/dist', 'node_modules/mermaid/dist']
        .map((folder) => join(import.meta.dirname, folder)) });
    app.addHook('onRequest', async (request, reply) => void reply.type('text/html; charset=utf-8').headers({
        'content-security-policy': contentPolicy("'self'"), 'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin', 'cache-control': 'no-store' }));
    app.setNotFoundHandler((request, reply) => reply.code(404)
        .send(page('No such page', html`<p>The address is wrong, or the link is not complete.</p>`)));
    app.setErrorHandler((error, request, reply) => {
        const [status, message] = explain(error);
        reply.code(status).type('text/html; charset=utf-8').send(page('That did not work', html`<p role="alert">${message}</p>`));
    });
}
