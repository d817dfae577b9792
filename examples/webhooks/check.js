// The checks of authenticity. Each one takes the request: headers in lower case, the body as it was sent, and its URL. A
// check returns false if the request is not of the provider. The secrets are settings of the process.
// docs/webhooks.md shows the same lines.
import { createHash, createHmac, createPublicKey, createVerify, timingSafeEqual, verify, X509Certificate } from 'node:crypto';

const secret = (name) => process.env[name] ?? '';

function equal(a, b) {
    const [left, right] = [Buffer.from(String(a)), Buffer.from(String(b))];
    return right.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}

function hmac(algorithm, key, text, encoding) {
    return key.length > 0 ? createHmac(algorithm, key).update(text).digest(encoding) : '';
}

// Is a time in seconds at most five minutes away? An old request may be a replay.
const isRecent = (seconds) => Math.abs(Date.now() / 1000 - Number(seconds)) < 300;

const certificates = new Map();

async function certificateOf(url) {
    if (!certificates.has(url)) {
        certificates.set(url, new X509Certificate(await (await fetch(url)).text()));
    }
    return certificates.get(url);
}

export const checks = {
    async amazon_ses({ body }) {
        const message = JSON.parse(body);
        const url = new URL(message.SigningCertURL);
        if (url.protocol !== 'https:' || !/^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(url.hostname)) return false;
        if (!equal(message.TopicArn, secret('SNS_TOPIC_ARN'))) return false;
        const names = message.Type === 'Notification'
            ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
            : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
        const text = names.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`).join('');
        const algorithm = message.SignatureVersion === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
        const { publicKey } = await certificateOf(url.href);
        return createVerify(algorithm).update(text).verify(publicKey, message.Signature, 'base64');
    },

    brevo({ headers }) {
        return equal(headers.authorization, `Bearer ${secret('BREVO_TOKEN')}`) && secret('BREVO_TOKEN') !== '';
    },

    mailersend({ headers, body }) {
        return equal(headers.signature, hmac('sha256', secret('MAILERSEND_SECRET'), body, 'hex'));
    },

    mailgun({ fields }) {
        const { timestamp, token, signature } = fields.signature?.token ? fields.signature : fields;
        return isRecent(timestamp) && equal(signature, hmac('sha256', secret('MAILGUN_KEY'), `${timestamp}${token}`, 'hex'));
    },

    mailjet({ headers }) {
        return secret('MAILJET_USER') !== '' && equal(headers.authorization,
            `Basic ${Buffer.from(secret('MAILJET_USER')).toString('base64')}`);
    },

    mailtrap({ headers, body }) {
        return equal(headers['mailtrap-signature'], hmac('sha256', secret('MAILTRAP_SECRET'), body, 'hex'));
    },

    mandrill({ headers, fields, url }) {
        const text = url + Object.keys(fields).sort().map((name) => name + fields[name]).join('');
        return equal(headers['x-mandrill-signature'], hmac('sha1', secret('MANDRILL_KEY'), text, 'base64'));
    },

    postal({ headers, body }) {
        const key = createPublicKey(secret('POSTAL_PUBLIC_KEY'));
        return createVerify('RSA-SHA1').update(body).verify(key, headers['x-postal-signature'] ?? '', 'base64');
    },

    postmark({ headers }) {
        return secret('POSTMARK_USER') !== '' && equal(headers.authorization,
            `Basic ${Buffer.from(secret('POSTMARK_USER')).toString('base64')}`);
    },

    resend({ headers, body }) {
        const text = `${headers['svix-id']}.${headers['svix-timestamp']}.${body}`;
        const key = Buffer.from(secret('RESEND_SECRET').replace(/^whsec_/, ''), 'base64');
        const signatures = (headers['svix-signature'] ?? '').split(' ').map((signature) => signature.replace(/^v1,/, ''));
        return isRecent(headers['svix-timestamp']) && signatures.some((one) => equal(one, hmac('sha256', key, text, 'base64')));
    },

    sendgrid({ headers, body }) {
        const text = Buffer.from((headers['x-twilio-email-event-webhook-timestamp'] ?? '') + body);
        const key = createPublicKey({ key: Buffer.from(secret('SENDGRID_PUBLIC_KEY'), 'base64'), format: 'der', type: 'spki' });
        return verify('sha256', text, key, Buffer.from(headers['x-twilio-email-event-webhook-signature'] ?? '', 'base64'));
    },

    sparkpost({ headers }) {
        return secret('SPARKPOST_USER') !== '' && equal(headers.authorization,
            `Basic ${Buffer.from(secret('SPARKPOST_USER')).toString('base64')}`);
    },

    unisender_go({ body, fields }) {
        const text = String(body).replace(fields.auth, secret('UNISENDER_GO_KEY'));
        return secret('UNISENDER_GO_KEY') !== '' && equal(fields.auth, createHash('md5').update(text).digest('hex'));
    },
};
