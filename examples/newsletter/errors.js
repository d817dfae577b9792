// Errors of the database, in words for the person at the browser: by the name of the constraint, the
// SQLSTATE, or its class.
const messages = {
    contact_status_address: [400, 'This is not an e-mail address.'],
    contact_address: [409, 'Another contact has this address.'],
    contact_status_limit: [409, 'The limit of active contacts is reached. Raise the limit, or remove contacts first.'],
    contact_status_event: [400, 'Something is missing: a list, the evidence for a consent, or the end of a suspension.'],
    contact_status_mailable: [409, 'This contact may not be mailed.'],
    contact_status_complaint: [409, 'This address complained about the mails, and cannot be added again.'],
    contact_status_derived: [409, 'A status follows from events. Record the event instead.'],
    campaign_subject_check: [400, 'The mail needs a subject of one line.'],
    campaign_body_check: [400, 'The mail needs a text.'],
    campaign_link_check: [400, 'The link must begin with http:// or https://.'],
    23502: [400, 'Something is missing.'],
    23503: [404, 'There is no such contact, list, campaign or policy.'],
    23505: [409, 'This exists already.'],
    22004: [400, 'A reason is needed.'],
    EADDRINUSE: [500, 'A port is in use. Set PORT, ADMIN_PORT or WORLD_PORT to another one.'],
    22: [400, 'A value of the form is not valid.'],
    40: [503, 'The database is busy. Please try again.'],
};

// The HTTP status and the message for an error.
export function explain(error) {
    const known = messages[error.constraint] ?? messages[error.code] ?? messages[error.code?.slice(0, 2)];
    if (known) return known;
    if (error instanceof SyntaxError) return [400, 'The payload is no JSON.'];
    if (error.statusCode < 500) return [error.statusCode, error.message];
    console.error(error);
    return [500, 'This is a fault of the server. Please try again later.'];
}

export const refuse = (statusCode, message) => Object.assign(new Error(message), { statusCode });
