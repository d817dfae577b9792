// Two ways to use the pages: in Chromium, and by fetch where there is no Chromium. Both have the same methods.
// CHROMIUM names the program; CHROMIUM=none takes fetch.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const programs = process.env.CHROMIUM ? [process.env.CHROMIUM]
    : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const chromium = programs.find((file) => existsSync(file));

async function browserDriver() {
    const { default: puppeteer } = await import('puppeteer-core');
    const browser = await puppeteer.launch({ executablePath: chromium,
        args: ['--no-sandbox', '--no-proxy-server', '--disable-dev-shm-usage'] });
    const page = await browser.newPage();
    const messages = [];
    page.on('console', (message) => {
        if (message.type() !== 'log') messages.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => messages.push(`${page.url()}: ${error.message}`));
    page.on('requestfailed', (request) => {
        if (!/ERR_ABORTED/.test(request.failure()?.errorText)) messages.push(`${request.url()}: failed`);
    });
    const settled = (action) => Promise.all([page.waitForNavigation({ waitUntil: 'load' }), action]);
    const named = (tag, text) => page.waitForSelector(
        `::-p-xpath(//main//${tag}[contains(normalize-space(.), "${text}")])`, { timeout: 5000 });
    const click = (tag, text) => named(tag, text).then((element) => settled(element.evaluate((one) => one.click())));
    return {
        name: 'Chromium', page, messages,
        visit: (url) => page.goto(url, { waitUntil: 'load' }),
        text: () => page.$eval('main', (main) => main.innerText),
        async fill(values) {
            for (const [name, value] of Object.entries(values)) {
                const field = await page.$(`main [name="${name}"]`);
                if (await field.evaluate((element) => element.tagName) === 'SELECT') await field.select(value);
                else if (typeof value !== 'boolean') await field.evaluate((one, text) => { one.value = text; }, value);
                else if (await field.evaluate((element) => element.checked) !== value) await field.click();
            }
        },
        press: (text) => click('button', text),
        follow: (text) => click('a', text),
        href: async (text) => (await named('a', text)).evaluate((element) => element.href),
        // Violations of the guidelines WCAG 2.1, levels A and AA.
        async accessibility() {
            await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
            const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
            const { violations } = await page.evaluate((tags) => axe.run({ runOnly: tags }), runOnly);
            return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`).join('; ');
        },
        close: () => browser.close(),
    };
}

const decoded = (text) => text.replace(/&#(\d+);/g, (all, code) => String.fromCharCode(code));
const plain = (text) => decoded(text.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');

function fetchDriver() {
    let [at, body, values] = ['', '', {}];
    const attributes = (text) => Object.fromEntries([...text.matchAll(/([\w-]+)(?:="([^"]*)")?/g)]
        .map(([, name, value]) => [name, decoded(value ?? '')]));
    const load = async (url, options) => {
        const headers = { 'user-agent': 'Mozilla/5.0 (fetch)', origin: new URL(url).origin };
        const response = await fetch(url, { ...options, headers });
        [at, body, values] = [response.url, /<main[^]*<\/main>/.exec(await response.text())?.[0] ?? '', {}];
    };
    const element = (tag, text, inside = body) => {
        const found = [...inside.matchAll(new RegExp(`<${tag}(?= |>)([^>]*)>([^]*?)</${tag}>`, 'g'))]
            .find((match) => plain(match[2]).includes(text));
        if (!found) throw new Error(`no "${text}"`);
        return { ...attributes(found[1]), inside: found[2] };
    };
    const value = (name, type, own, isChecked) => (type !== 'checkbox' ? values[name] ?? own
        : values[name] ?? isChecked ? own : undefined);
    return {
        name: 'fetch, because there is no Chromium', messages: [],
        visit: load,
        text: async () => plain(body),
        async fill(given) { Object.assign(values, given); },
        async press(text) {
            const { method, action = at, inside } = element('form', text);
            const fields = new URLSearchParams();
            for (const [, tag, list] of inside.matchAll(/<(input|textarea|select)([^>]*)>/g)) {
                const field = attributes(list);
                const option = tag === 'select' && /<option value="([^"]*)"/.exec(inside)[1];
                const given = value(field.name, field.type, option || field.value || '', 'checked' in field);
                if (given !== undefined) fields.append(field.name, given);
            }
            const button = element('button', text, inside);
            if (button.name) fields.append(button.name, button.value);
            const url = new URL(button.formaction ?? action, at);
            if (method === 'post') return load(url, { method: 'POST', body: fields });
            url.search = fields;
            return load(url);
        },
        follow: async (text) => load(new URL(element('a', text).href, at)),
        href: async (text) => new URL(element('a', text).href, at).href,
        async close() {},
    };
}

export const driver = () => (chromium ? browserDriver() : fetchDriver());
