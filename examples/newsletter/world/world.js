// The receiving side, as a process of its own: a mail server that answers as the beginning of an address says, and the
// mailboxes, with the buttons of a mail program. Nothing here knows the database.
//   full, gone, block, grey    refuse the mail: mailbox full, no such user, blocked, greylisted (at the first attempt)
//   late                       accept the mail, and report later that it bounced
//   spam                       accept the mail, and report it as spam
// The domain hook.example is that of a provider which reports by webhooks instead of mails.
import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { simpleParser } from 'mailparser';
import nodemailer from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { asHtml, html, page, setUp } from '../common.js';
import { explain, refuse } from '../errors.js';

const { INBOX_PORT, PUBLIC_URL, MAILGUN_KEY, WORLD_PORT = 0, REPORT_MS = 2500 } = process.env;
const transport = nodemailer.createTransport({ host: '127.0.0.1', port: Number(INBOX_PORT), ignoreTLS: true, pool: true });
const answers = {
    full: [452, '4.2.2 The mailbox is full'],
    gone: [550, '5.1.1 No such user here'],
    block: [554, '5.7.1 Client host is on a blocklist'],
    grey: [450, '4.7.1 Greylisted, please try again later'],
};
const greylisted = new Set();
const mails = [];    // the newest 500: { id, to, from, raw }

const kindOf = (address) => /^(full|gone|block|grey|late|spam)/.exec(address)?.[1];
const header = (raw, name) => new RegExp(`^${name}: *(.*(?:\\r\\n[ \\t].*)*)`, 'mi').exec(raw)?.[1]
    .replace(/\r\n\s+/g, '');

async function postWebhook(to, campaign, event) {
    const [timestamp, token] = [Math.floor(Date.now() / 1000), randomUUID()];
    const signature = createHmac('sha256', MAILGUN_KEY).update(`${timestamp}${token}`).digest('hex');
    const payload = { signature: { timestamp, token, signature }, 'event-data': { id: randomUUID(), recipient: to,
        timestamp: Date.now() / 1000, 'user-variables': { campaign_id: campaign }, ...event } };
    await fetch(`${PUBLIC_URL}/webhooks/mailgun`, { method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify(payload) });
}

// Sends a report with the headers of the mail, as RFC 3464 and RFC 5965 have it.
const report = (mail, address, type, fields) => transport.sendMail({ envelope: { from: '', to: address }, raw: [
    'From: Mail system <mailer-daemon@example.org>', `To: ${address}`, `Date: ${new Date().toUTCString()}`,
    `Message-ID: <${randomUUID()}@example.org>`, 'Subject: Report', 'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=${type}; boundary=part`, '', '--part', 'Content-Type: text/plain', '',
    'A report about your mail.', '', '--part', `Content-Type: message/${type}`, '', ...fields, '', '--part',
    'Content-Type: text/rfc822-headers', '', mail.raw.split('\r\n\r\n')[0], '', '--part--', ''].join('\r\n') });

function bounce(mail) {
    if (mail.to.endsWith('@hook.example')) {
        return postWebhook(mail.to, header(mail.raw, 'X-Campaign-Id'), { event: 'failed', severity: 'permanent',
            'delivery-status': { code: 550, message: '5.1.1 No such user here' } });
    }
    return report(mail, mail.from, 'delivery-status', ['Reporting-MTA: dns; mx.example.org', '',
        `Final-Recipient: rfc822; ${mail.to}`, 'Action: failed', 'Status: 5.1.1',
        'Diagnostic-Code: smtp; 550 5.1.1 No such user here']);
}

function complain(mail) {
    if (mail.to.endsWith('@hook.example')) {
        return postWebhook(mail.to, header(mail.raw, 'X-Campaign-Id'), { event: 'complained' });
    }
    return report(mail, header(mail.raw, 'CFBL-Address').split(';')[0], 'feedback-report', ['Feedback-Type: abuse',
        'Version: 1', 'User-Agent: Mailbox/1.0', `Original-Rcpt-To: <${mail.to}>`]);
}

const mx = new SMTPServer({
    authOptional: true, disableReverseLookup: true, disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo({ address }, session, done) {
        const kind = kindOf(address);
        const [responseCode, text] = (kind === 'grey' && greylisted.has(address) ? null : answers[kind]) ?? [];
        if (kind === 'grey') greylisted.add(address);
        done(responseCode ? Object.assign(new Error(text), { responseCode }) : null);
    },
    async onData(stream, session, done) {
        const { mailFrom, rcptTo } = session.envelope;
        const mail = { id: randomUUID(), to: rcptTo[0].address.toLowerCase(), from: mailFrom.address,
            raw: Buffer.concat(await stream.toArray()).toString() };
        if (mails.push(mail) > 500) mails.shift();
        done(null, '2.0.0 OK: message queued');
        const later = { late: bounce, spam: complain }[kindOf(mail.to)];
        if (!later || !header(mail.raw, 'X-Campaign-Id')) return;    // a request to confirm is read first
        await sleep(Number(REPORT_MS));
        await later(mail).catch((error) => console.error(error.message));
    },
});
mx.on('error', () => {});    // a connection that broke

const app = fastify();
await setUp(app);
const options = { brand: 'Mail program' };
// A mail program shows its button only for these headers.
const isOneClick = (raw) => header(raw, 'List-Unsubscribe-Post') === 'List-Unsubscribe=One-Click'
    && /<https?:/.test(header(raw, 'List-Unsubscribe'));
const found = (id) => mails.find((mail) => mail.id === id) ?? (() => { throw refuse(404, 'This mail is gone.'); })();

app.get('/', async ({ query: { address = '' } }) => {
    const mine = mails.filter((mail) => mail.to === address.toLowerCase()).reverse();
    const shown = await Promise.all(mine.slice(0, 20).map(async ({ id, raw }) => ({ id, raw, ...await simpleParser(raw) })));
    const addresses = [...new Set(mails.map((mail) => mail.to))].slice(-100);
    return page('Mailboxes', html`<form class="bar"><label for="address">Mailbox</label>
<input id="address" name="address" list="addresses" value="${address}" required><datalist id="addresses">${
    addresses.map((one) => html`<option value="${one}">`)}</datalist><button>Open</button></form>
${address && !mine.length && html`<p>No mail yet.</p>`}${shown.map((mail) => html`<article class="card mail"><h2>${mail.subject}</h2>
<p class="hint">from ${mail.from.text} to ${mail.to.text}</p>${asHtml(mail.text)}
<form method="post" class="bar">${isOneClick(mail.raw) && html`<button name="mail" value="${mail.id}"
formaction="/unsubscribe">Unsubscribe</button>`}<button name="mail" value="${mail.id}" formaction="/spam"
class="danger">Report spam</button></form></article>`)}`, options);
});

app.post('/unsubscribe', async (request) => {
    const url = /<(https?:[^>]+)>/.exec(header(found(request.body?.mail).raw, 'List-Unsubscribe'))?.[1];
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams('List-Unsubscribe=One-Click') });
    if (!response.ok) throw refuse(502, 'The sender did not accept it.');
    return page('Unsubscribed', html`<p>The mail program told the sender.</p>`, options);
});

app.post('/spam', async (request) => {
    await complain(found(request.body?.mail));
    return page('Reported as spam', html`<p>The provider sent a report to the sender.</p>`, options);
});

await app.listen({ host: '127.0.0.1', port: Number(WORLD_PORT) }).catch((error) => {
    console.error(explain(error)[1]);
    process.exit(1);
});
mx.listen(0, '127.0.0.1', () => process.send({ smtp: mx.server.address().port, mailboxes: app.server.address().port }));
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});    // the parent ends this process
