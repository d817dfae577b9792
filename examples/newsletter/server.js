// Starts the newsletter on the database that PGHOST, PGPORT, PGUSER and PGDATABASE name: the pages of subscribers, those of
// the sender, the worker, the inbox for reports, and the receiving side. Ctrl-C stops all of them.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import fastify from 'fastify';
import { adminPages, readChanges } from './admin.js';
import { pool, query, settings, setUp } from './common.js';
import { explain } from './errors.js';
import { publicPages, webhooks } from './public.js';
import { startInbox, startSending } from './send.js';

async function serve(port, ...plugins) {
    const app = fastify({ bodyLimit: 64 * 1024, forceCloseConnections: true });
    await setUp(app);
    for (const plugin of plugins) await app.register(plugin);
    return [app, await app.listen({ host: '127.0.0.1', port: Number(port ?? 0) })];
}

// Starts everything. A database without schema "news" gets the tables, and the files of SQL in data.
export async function start({ data = ['world/seed.sql'], sending } = {}) {
    const [{ exists }] = await query(`SELECT to_regnamespace('news') IS NOT NULL AS exists`);
    for (const file of exists ? [] : ['schema.sql', ...data]) {
        await query(await readFile(new URL(file, import.meta.url), 'utf8'));
    }
    process.env.MAILGUN_KEY ??= randomBytes(16).toString('hex');
    const [subscribers, url] = await serve(process.env.PORT, publicPages, webhooks);
    settings.publicUrl ||= url;
    const [admin, adminUrl] = await serve(process.env.ADMIN_PORT, adminPages);
    const inbox = startInbox().listen(0, '127.0.0.1');
    await once(inbox, 'listening');
    const world = fork(new URL('world/world.js', import.meta.url),
        { env: { ...process.env, PUBLIC_URL: url, INBOX_PORT: inbox.address().port } });
    world.once('exit', (code) => code && process.exit(code));
    const [ports] = await once(world, 'message');
    const sender = startSending(ports.smtp, sending);
    // a suspension that ends changes the stored status here; changes that were read are kept for a week
    setInterval(() => query(`SELECT contact_status.sweep('news'), contact_status.forget_changes('news', now() - interval
        '7 days')`).catch((error) => console.error(error.message)), 600000).unref();
    const timer = setInterval(() => readChanges().catch((error) => console.error(error.message)), 1000);
    const stop = async () => {
        clearInterval(timer);
        await sender.stop();
        world.disconnect();
        inbox.close();
        await Promise.all([subscribers.close(), admin.close()]);
        await pool.end();
    };
    return { url, adminUrl, mailboxes: `http://127.0.0.1:${ports.mailboxes}`, counts: sender.counts, stop };
}

if (import.meta.filename === process.argv[1]) {
    const fail = (error) => { console.error(explain(error)[1]); process.exit(1); };
    const { url, adminUrl, mailboxes, stop } = await start().catch(fail);
    console.log(`\nOpen ${url}   to sign up, as a subscriber
     ${mailboxes}   to read the mail, in the mailboxes of the example
     ${adminUrl}   to send, and to watch
Ctrl-C stops it.`);
    await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
    await stop();
    process.exit();
}
