// Sends the mails of the outbox by SMTP, and receives the reports about them.
import { setTimeout as sleep } from 'node:timers/promises';
import nodemailer from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { asHtml, isSigned, link, query, settings, sign, transaction } from './common.js';

// Creates a campaign and fills the outbox with the contacts of its list. The trigger of the outbox skips a contact that
// opts out meanwhile.
export const send = ({ list, subject, body, link }) => transaction(async (query) => {
    const [{ campaign_id: campaign }] = await query(`INSERT INTO news.campaign (list_id, subject, body, link)
        VALUES ($1, $2, $3, $4) RETURNING campaign_id`, [list, subject, body, link]);
    await query(`INSERT INTO news.outbox (contact_id, list_id, campaign_id)
        SELECT contact_id, list_id, $1 FROM news.mailable WHERE account_id = 1 AND list_id = $2 ORDER BY contact_id`,
        [campaign, list]);
    return campaign;
});

// Takes mails to send. A claim ends after ten minutes, so that the mails of a worker that crashed are sent again. A
// contact that may no longer be mailed has no address here.
const claim = (mails) => query(`WITH claimed AS (
        UPDATE news.outbox o SET attempts = o.attempts + 1, send_at = now() + interval '10 minutes'
          FROM (SELECT outbox_id FROM news.outbox WHERE send_at <= now() ORDER BY send_at, outbox_id
                 LIMIT $1 FOR UPDATE SKIP LOCKED) mine
         WHERE o.outbox_id = mine.outbox_id RETURNING o.*)
    SELECT o.outbox_id, o.contact_id, o.list_id, o.campaign_id, o.confirm_key, k.subject, k.body,
           CASE WHEN o.campaign_id IS NULL THEN d.email
                WHEN contact_status.may_mail('news', 1, o.contact_id, o.list_id) THEN c.email END AS email
      FROM claimed o LEFT JOIN news.campaign k USING (campaign_id)
      LEFT JOIN news.contact c ON c.account_id = 1 AND c.contact_id = o.contact_id
      LEFT JOIN news.deliverable d ON d.account_id = 1 AND d.contact_id = o.contact_id AND o.campaign_id IS NULL`,
    [mails]);

// Records the answers of the receiving servers with their times, in one statement. A bounce mail may be recorded before
// the answer to its mail. A refusal that says nothing about the recipient (greylisting, a busy server, no connection) is
// noted, and the mail is tried again, three times in all.
async function record(answers) {
    const [{ events }] = await query(`WITH answer AS (
            SELECT o.outbox_id, o.contact_id, o.campaign_id, a.at, a.reply, r.reason, a.reply IS NULL AS skipped,
                   coalesce(r.kind, 'noted') AS kind,
                   o.attempts < 3 AND coalesce(r.kind = 'soft_bounced' AND r.scope <> 'recipient',
                                               a.reply IS NOT NULL) AS again
              FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS a (outbox_id, reply, at)
              JOIN news.outbox o USING (outbox_id)
             CROSS JOIN LATERAL contact_status.classify_reply(a.reply) r
        ), kept AS (
            UPDATE news.outbox o SET outcome = CASE WHEN a.skipped THEN 'skipped' ELSE a.kind::text END,
                   send_at = CASE WHEN a.again THEN now() + o.attempts * $4::float8 * interval '1 second' END
              FROM answer a WHERE o.outbox_id = a.outbox_id
        ), recorded AS (
            INSERT INTO news.event (contact_id, campaign_id, kind, occurred_at, event_key, reason, reply, source)
            SELECT a.contact_id, a.campaign_id, e.kind, a.at, 'mail ' || a.outbox_id, a.reason, a.reply, 'smtp'
              FROM answer a
             CROSS JOIN LATERAL (SELECT 1, 'sent'::contact_status.event_kind WHERE NOT a.again AND a.campaign_id > 0
                                 UNION ALL SELECT 2, CASE WHEN a.again THEN 'noted' ELSE a.kind END) e (place, kind)
             WHERE NOT a.skipped ORDER BY a.contact_id, a.outbox_id, e.place
            RETURNING 1)
        SELECT count(*) AS events FROM recorded`,
    [...['id', 'reply', 'at'].map((name) => answers.map((one) => one[name])), settings.retryAfter]);
    return events;
}

// An answer about a contact that was erased meanwhile is refused (23503). It must not take the others with it.
export const recordAll = (answers) => record(answers).catch(async (error) => {
    if (error.code !== '23503') throw error;
    let events = 0;
    if (answers.length > 1) for (const answer of answers) events += await recordAll([answer]);
    return events;
});

// Bounces and complaints go to addresses with the number of the mail and a token. RFC 9477 has the header CFBL-Address,
// RFC 8058 the two of the opt-out.
function compose({ outbox_id: id, contact_id: contact, list_id: list, campaign_id: campaign, confirm_key: key, ...mail }) {
    const report = (name) => `${name}+${id}+${sign(name, id)}@${settings.domain}`;
    const stop = link('unsubscribe', contact, list, campaign);
    const text = campaign ? `${mail.body}\n\nRead more: ${link('click', contact, campaign)}\n
Preferences: ${link('preferences', contact)}\nUnsubscribe: ${stop}\n`
        : `You, or somebody else, asked for our letter.\n\nConfirm: ${link('confirm', contact, key)}\n
Otherwise ignore this mail.\n`;
    return { envelope: { from: report('bounce'), to: mail.email }, from: `The Sunday Letter <letter@${settings.domain}>`,
        to: mail.email, subject: mail.subject ?? 'Please confirm your subscription', text, html: `${asHtml(text)}`,
        headers: { 'CFBL-Address': `${report('complaint')}; report=arf`, ...campaign && { 'X-Campaign-Id': `${campaign}`,
            'List-Unsubscribe': `<${stop}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' } } };
}

// Runs workers until stop() is called. Each one claims a batch, sends it over a pool of connections, and records the
// answers.
export function startSending(port, { workers = 2, batch = 100, connections = 10 } = {}) {
    const transport = nodemailer.createTransport({ host: '127.0.0.1', port, pool: true, maxConnections: connections,
        maxMessages: Infinity, ignoreTLS: true });
    const counts = { mails: 0, events: 0 };
    let isRunning = true;
    const deliver = async (mail) => ({ id: mail.outbox_id, reply: mail.email && await transport.sendMail(compose(mail))
        .then((sent) => sent.response, (error) => error.response ?? error.message), at: new Date() });
    const work = async () => {
        while (isRunning) {
            try {
                const mails = await claim(batch);
                const events = mails.length ? await recordAll(await Promise.all(mails.map(deliver))) : await sleep(250, 0);
                counts.events += events;
                counts.mails += mails.length;
            } catch (error) {
                if (isRunning) console.error(error);    // the claims end by themselves
                await sleep(1000);
            }
        }
    };
    const running = Promise.all(Array.from({ length: workers }, work));
    return { counts, async stop() { isRunning = false; await running; transport.close(); } };
}

// Receives bounces (DSN) and complaints (ARF). The token in the address shows that the sender of the report has the mail.
export function startInbox() {
    return new SMTPServer({
        authOptional: true, disableReverseLookup: true, disabledCommands: ['AUTH', 'STARTTLS'], size: 1024 * 1024,
        onRcptTo({ address }, session, done) {
            const [, name, id, token] = /^(bounce|complaint)\+(\d{1,18})\+([\w-]+)@/.exec(address) ?? [];
            session.mail = id;
            done(name && isSigned(token, name, id) ? null
                : Object.assign(new Error('5.1.1 No such mailbox'), { responseCode: 550 }));
        },
        async onData(stream, session, done) {
            try {
                await query(`INSERT INTO news.event
                        (contact_id, campaign_id, kind, occurred_at, event_key, source, reason, reply)
                    SELECT o.contact_id, o.campaign_id, r.kind, least(r.occurred_at, clock_timestamp()), r.event_key,
                           'report', r.reason, r.reply
                      FROM news.outbox o, contact_status.mail_report_events($2) r
                     WHERE o.outbox_id = $1 AND r.kind IS NOT NULL
                    ON CONFLICT DO NOTHING`, [session.mail, Buffer.concat(await stream.toArray()).toString()]);
                done();
            } catch (error) {    // 22023: no report; 23503: the person was erased meanwhile
                done(['22023', '23503'].includes(error.code) ? null : Object.assign(error, { responseCode: 451 }));
            }
        },
    }).on('error', () => {});    // a connection that broke
}
