// The story of a subscriber, through the pages, on a throw-away server: make newsletter-test. Prints TAP.
// SCREENSHOTS=folder stores pictures of the pages.
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { driver } from './drivers.js';

Object.assign(process.env, { RETRY_SECONDS: '0.5', REPORT_MS: '1500' });
const { start } = await import('../server.js');
const { query } = await import('../common.js');
const { recordAll } = await import('../send.js');

let [count, failures] = [0, 0];
function ok(result, name, more = '') {
    console.log(`${result ? 'ok' : 'not ok'} ${++count} - ${name}`);
    if (!result) console.log(`#   ${more}`);
    failures += !result;
}
const is = (got, wanted, name) => ok(got === wanted, name, `got ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
const like = (got, wanted, name) => ok(wanted.test(got), name, `got ${JSON.stringify(got)}, not ${wanted}`);

async function until(check, name, seconds = 30) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(200)) {
        const value = await check().catch(() => null);
        if (value) return value;
    }
    ok(false, `${name}, within ${seconds} s`);
    return null;
}

const { url, adminUrl, mailboxes, stop } = await start();
const browser = await driver();
console.log(`# the pages are used by ${browser.name}`);
const shot = async (name, width = 1100) => {
    if (!process.env.SCREENSHOTS || !browser.page) return;
    await browser.page.setViewport({ width, height: 800 });
    await sleep(300);
    await browser.page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
};
const contact = async (email) => (await query(`SELECT * FROM contact_status.contact_by_email('news', $1)`, [email]))[0];
const statusOf = async (email) => (await contact(email))?.status;
const idOf = async (email) => (await contact(email)).contact_id;
const becomes = async (email, status, name) => {
    await until(async () => await statusOf(email) === status, `${email} is ${status}`);
    is(await statusOf(email), status, name);
};
const mailbox = (email) => `${mailboxes}/?address=${encodeURIComponent(email)}`;
const mailOf = (email, subject, number = 1) => until(async () => {
    await browser.visit(mailbox(email));
    return (await browser.text()).split(subject).length > number;
}, `a mail "${subject}" to ${email}`);
const signUp = async (email) => {
    await browser.visit(`${url}/`);
    await browser.fill({ email });
    await browser.press('Sign up');
};
const confirm = async (email) => {
    await mailOf(email, 'Please confirm');
    await browser.follow('Confirm');
    await browser.press('Confirm');
};

try {
    const ann = 'ann@example.com';

    // --- sign-up and confirmation
    await browser.visit(`${url}/`);
    await shot('sign-up');
    if (browser.page) {
        await browser.page.keyboard.press('Tab');
        is(await browser.page.evaluate(() => document.activeElement.textContent), 'Skip to the content',
            'the first stop of the keyboard');
        for (const key of ['Tab', 'Tab']) await browser.page.keyboard.press(key);
        is(await browser.page.evaluate(() => document.activeElement.id), 'email', 'the third one is the address');
        await browser.page.keyboard.type(ann);
        await Promise.all([browser.page.waitForNavigation(), browser.page.keyboard.press('Enter')]);
    } else {
        await signUp(ann);
    }
    like(await browser.text(), /Check your mailbox/, 'a sign-up');
    is(await statusOf(ann), 'unconfirmed', 'is not confirmed');
    await mailOf(ann, 'Please confirm');
    await shot('mailbox');
    const link = await browser.href('Confirm');
    await browser.follow('Confirm');
    await fetch(link, { method: 'HEAD' });
    is(await statusOf(ann), 'unconfirmed', 'GET and HEAD of the link confirm nobody');
    await shot('confirm', 375);
    await browser.press('Confirm');
    like(await browser.text(), /subscribed to Weekly letter/, 'the button does');
    is(await statusOf(ann), 'active', 'the contact is active');
    await signUp(ann);
    is(await statusOf(ann), 'active', 'the form posted by a stranger lowers nobody');

    // --- a campaign, and the answers of the world
    const world = { 'full@example.com': 'soft_bounced', 'gone@example.com': 'hard_bounced',
        'block@example.com': 'active', 'grey@example.com': 'active', 'late@example.com': 'hard_bounced',
        'spam@example.com': 'complained',
        'late@hook.example': 'hard_bounced', 'spam@hook.example': 'complained' };
    await query('UPDATE news.account SET contact_limit = NULL');
    for (const email of Object.keys(world)) {
        await browser.visit(`${adminUrl}/contacts`);
        await browser.fill({ address: email, evidence: 'paper form' });
        await browser.press('Add to the weekly letter');
    }
    await browser.visit(`${adminUrl}/campaigns`);
    await shot('campaigns');
    await browser.fill({ subject: 'Tulips & <b>turnips</b>', body: 'It is time to plant.\n\nSee you on Sunday.',
        link: `${url}/` });
    await browser.press('Send now');
    like(await browser.text(), /mails are done/, 'a campaign is sent');
    const [{ campaign_id: campaign }] = await query('SELECT max(campaign_id) AS campaign_id FROM news.campaign');
    await until(async () => (await query('SELECT count(send_at) = 0 AS done FROM news.outbox WHERE campaign_id = $1',
        [campaign]))[0].done, 'the campaign is done');
    for (const [email, status] of Object.entries(world)) await becomes(email, status, `${email} is ${status}`);
    const kinds = async (email) => (await query(`SELECT string_agg(kind::text, ' ' ORDER BY occurred_at, kind) AS kinds
        FROM news.event WHERE contact_id = $1 AND campaign_id = $2`, [await idOf(email), campaign]))[0].kinds;
    is(await kinds('grey@example.com'), 'noted sent delivered',
        'greylisting is noted, and the second attempt accepted');
    is(await kinds('block@example.com'), 'sent blocked', 'a block is recorded');
    is(await kinds('late@example.com'), 'sent delivered nonexistent', 'a bounce after the delivery');
    await browser.visit(`${adminUrl}/campaigns/${campaign}`);
    like(await browser.text(), /nonexistent\s+unknown_user\s+3\s+3/, 'the report has the reasons, of answers and reports');
    await shot('report');

    // --- click, opt out, come back
    await mailOf(ann, 'Tulips');
    await shot('mailbox-campaign', 375);
    await browser.follow('Read more');
    is(await kinds(ann), 'sent delivered clicked', 'a click is recorded');
    await mailOf(ann, 'Tulips');
    await browser.press('Unsubscribe');
    await becomes(ann, 'unsubscribed', 'one click opts out');
    is((await fetch(link, { method: 'POST' })).status, 410, 'the old link confirms nothing');
    is(await statusOf(ann), 'unsubscribed', 'and revives nobody');
    await signUp(ann);
    is(await statusOf(ann), 'unsubscribed', 'nor does a new sign-up');
    await mailOf(ann, 'Please confirm', 3);
    await browser.follow('Confirm');
    await browser.press('Confirm');
    is(await statusOf(ann), 'active', 'its confirmation does');

    // --- preferences
    const preferences = await browser.href('Your preferences');
    await browser.follow('Your preferences');
    await shot('preferences', 375);
    like(await browser.text(), /ann@example\.com/, 'the preferences');
    const lists = async () => (await query(`SELECT string_agg(list_id || ' ' || status, ', ' ORDER BY list_id) AS lists
        FROM news.subscription WHERE contact_id = $1`, [await idOf(ann)]))[0].lists;
    await query(`UPDATE news.outbox SET created_at = created_at - interval '1 hour'`);    // three requests an hour
    await fetch(preferences, { method: 'POST', body: new URLSearchParams({ list: 2 }) });
    is(await lists(), '1 unsubscribed, 2 unconfirmed', 'one list is left, and another joined');
    await mailOf(ann, 'Please confirm', 4);
    await browser.follow('Confirm');
    await browser.press('Confirm');
    is(await lists(), '1 unsubscribed, 2 active', 'which is confirmed by a mail');
    await query(`INSERT INTO news.event (contact_id, list_id, kind, evidence)
        VALUES ($1, 1, 'resubscribed', 'on the phone')`, [await idOf(ann)]);

    // --- an opt-out between the outbox and the mail
    await query(`INSERT INTO news.outbox (contact_id, list_id, campaign_id, send_at)
        VALUES ($1, 2, 1, now() + interval '2 seconds')`, [await idOf(ann)]);
    await query(`INSERT INTO news.event (contact_id, list_id, kind) VALUES ($1, 2, 'unsubscribed')`, [await idOf(ann)]);
    await until(async () => (await query(`SELECT 1 FROM news.outbox WHERE outcome = 'skipped'`)).length,
        'the mail is skipped');
    await browser.visit(mailbox(ann));
    ok(!(await browser.text()).includes('strawberries'), 'a contact that opts out gets no mail that was waiting');

    // --- complain, and come back
    const mails = async () => (await query('SELECT count(*) AS mails FROM news.outbox WHERE contact_id = $1',
        [await idOf(ann)]))[0].mails;
    await mailOf(ann, 'Tulips');
    await browser.press('Report spam');
    await becomes(ann, 'complained', 'a report of spam is a complaint');
    const before = await mails();
    await signUp(ann);
    is(await mails(), before, 'a sign-up after a complaint sends no mail');
    await browser.visit(`${adminUrl}/contacts/${await idOf(ann)}`);
    like(await browser.text(), /complaint/, 'the reason is explained');
    await shot('contact');
    await shot('contact-phone', 375);
    await browser.fill({ kind: 'complaint in error', reason: 'pressed the wrong button' });
    await browser.press('Record');
    is(await statusOf(ann), 'active', 'a complaint in error is taken back');

    // --- erase
    await signUp('bob@example.com');
    await confirm('bob@example.com');
    const bob = await idOf('bob@example.com');
    await browser.follow('Your preferences');
    await browser.fill({ erase: true });
    await browser.press('Delete');
    like(await browser.text(), /was deleted/, 'the person is erased');
    is((await query('SELECT 1 FROM news.contact WHERE contact_id = $1', [bob])).length, 0, 'the contact is gone');

    const answered = async (id) => (await query(`SELECT max(outbox_id) AS id, now() AS at FROM news.outbox
        WHERE contact_id = $1`, [id])).map((row) => ({ ...row, reply: '250 2.0.0 OK' }));
    is(await recordAll([...await answered(bob), ...await answered(await idOf(ann))]), 2,
        'an answer about an erased contact does not stop the others');

    // --- errors, in words
    const post = async (address, form, headers) => {
        const body = new URLSearchParams(form);
        const response = await fetch(address, { method: 'POST', body, headers, redirect: 'manual' });
        is(response.headers.get('content-type'), 'text/html; charset=utf-8', 'an error is a page');
        return `${response.status} ${/role="alert">(.*?)</.exec(await response.text())?.[1] ?? ''}`;
    };
    const own = { origin: adminUrl };
    like(await post(`${url}/sign-up`, { email: 'ann', list: 1 }), /400 This is not an e-mail address/, 'no address');
    like(await post(`${adminUrl}/contacts`, { address: ann, evidence: 'x' }, own), /409 Another contact/,
        'an address twice');
    await query('UPDATE news.account SET contact_limit = 1');
    like(await post(`${adminUrl}/contacts`, { address: 'new@example.com', evidence: 'x' }, own), /409 The limit/,
        'the limit');
    await query('UPDATE news.account SET contact_limit = 400');
    like(await post(`${adminUrl}/contacts/999999`, { kind: 'suspended' }, own), /404 There is no such contact/,
        'an unknown contact');
    like(await post(`${adminUrl}/contacts/${bob}`, { kind: 'suspended' }, own), /404 There is no such contact/,
        'an erased contact');
    like(await post(`${adminUrl}/contacts/1`, { kind: 'resubscribed' }, own), /400 Something is missing/,
        'a consent without evidence');
    like(await post(`${adminUrl}/contacts/1`, { kind: 'complaint in error' }, own), /400 A reason is needed/,
        'a retraction without a reason');

    // --- what strangers may not do
    like(await post(`${adminUrl}/contacts`, { address: 'x@example.com', evidence: 'x' }), /^403/,
        'a form of another site');
    like(await post(`${adminUrl}/contacts`, {}, { origin: 'https://evil.example' }), /^403/,
        'a form with a wrong origin');
    like(await post(`${url}/webhooks/mailgun`, {}), /^40[01]/, 'a webhook without a signature');
    is((await fetch(link.replace(/.$/, '_'))).status, 404, 'a forged link');
    is(await new Promise((done) => get(`${adminUrl}/`, { headers: { host: 'evil.example' } },
        (response) => done(response.resume().statusCode))), 403, 'another host name');
    is((await fetch(`${adminUrl}/contacts?after=0%20OR%201`)).status, 400, 'SQL as a value is a wrong value');
    like(await (await fetch(`${adminUrl}/campaigns/${campaign}`)).text(), /<h1>Tulips &#38; &#60;b&#62;turnips/,
        'HTML of a subject is escaped');

    // --- each page, on a desk and on a phone
    await query(`SELECT contact_status.copy_policy('news', 'emailmanager', 'mine')`);
    for (const path of ['/', '/contacts', '/contacts?status=hard_bounced', '/campaigns', '/policy',
        '/policy?status=&name=mine', '/policy?status=suspended', `/campaigns/${campaign}`, `/contacts/${await idOf(ann)}`, '/contacts/1']) {
        await browser.visit(adminUrl + path);
        if (!browser.page) continue;
        await browser.page.setViewport({ width: 375, height: 700 });
        if (path.startsWith('/policy')) await browser.page.waitForSelector('pre.mermaid svg');
        is(await browser.page.evaluate(() => document.documentElement.scrollWidth), 375, `${path} fits a phone`);
        await shot(`phone${path.replace(/\W+/g, '-')}`, 375);
        await shot(`desk${path.replace(/\W+/g, '-')}`);
        is(await browser.accessibility(), '', `${path} is accessible`);
    }
    for (const path of ['/', preferences.replace(url, '')]) {
        await browser.visit(url + path);
        if (browser.page) is(await browser.accessibility(), '', `${path.split('/')[1] || '/'} is accessible`);
    }
    const pages = [];
    await browser.visit(`${adminUrl}/contacts?status=active`);
    for (pages.push(1); (await browser.text()).includes('Next page'); pages.push(1)) await browser.follow('Next page');
    ok(pages.length > 4, 'the pages of the active contacts', `${pages.length} pages`);
    is(browser.messages.join('\n'), '', 'the console has no message');
    is(JSON.stringify(await query(`SELECT * FROM contact_status.verify('news')`)), '[]', 'verify finds nothing');
} catch (error) {
    ok(false, 'the scenario ends', error.stack.replace(/\n/g, '\n#   '));
} finally {
    await browser.close();
    await stop();
}
console.log(`1..${count}`);
process.exit(failures ? 1 : 0);
