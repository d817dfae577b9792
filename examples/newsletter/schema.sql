-- The database of the newsletter: an installation of contact_status in schema "news", and two tables of the application.
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('news', policy => 'default');
UPDATE news.list SET name = 'Weekly letter', double_opt_in = true WHERE list_id = 1;
INSERT INTO news.list (name, double_opt_in) VALUES ('Product news', true);
UPDATE news.account SET contact_limit = 400 WHERE account_id = 1;
SELECT contact_status.add_change_feed('news');

ALTER TABLE news.contact ADD COLUMN first_name text;

-- A page of the contacts with one status reads this index. The report of a campaign reads the second one.
CREATE INDEX contact_by_status ON news.contact (account_id, status, contact_id);
CREATE INDEX event_by_campaign ON news.event (account_id, campaign_id, contact_id, kind) WHERE retracted_at IS NULL;

CREATE TABLE news.campaign (
    campaign_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id     bigint NOT NULL,
    subject     text NOT NULL CHECK (subject <> '' AND subject !~ '[[:cntrl:]]'),
    body        text NOT NULL CHECK (body <> ''),
    link        text NOT NULL CHECK (link ~ '^https?://[^[:space:]]+$'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- A row is a mail to one contact. campaign_id is null for a confirmation request. The table has no addresses.
CREATE TABLE news.outbox (
    outbox_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact_id  bigint NOT NULL,
    list_id     bigint,
    campaign_id bigint REFERENCES news.campaign,
    confirm_key text,                                -- of the sign-up that the mail asks to confirm
    created_at  timestamptz NOT NULL DEFAULT now(),
    send_at     timestamptz DEFAULT now(),           -- a claim and a deferral move it; null: done
    attempts    integer NOT NULL DEFAULT 0,
    outcome     text,                                -- the kind of event of the last attempt
    UNIQUE (campaign_id, contact_id)
) WITH (fillfactor = 70);
CREATE INDEX outbox_to_send ON news.outbox (send_at, outbox_id) WHERE send_at IS NOT NULL;
CREATE INDEX outbox_requests ON news.outbox (contact_id, created_at) WHERE campaign_id IS NULL;

CREATE TRIGGER mailable BEFORE INSERT ON news.outbox FOR EACH ROW WHEN (NEW.campaign_id IS NOT NULL)
    EXECUTE FUNCTION contact_status.require_mailable('news', 'contact_id', 'list_id', 'skip');
CREATE TRIGGER deliverable BEFORE INSERT ON news.outbox FOR EACH ROW WHEN (NEW.campaign_id IS NULL)
    EXECUTE FUNCTION contact_status.require_mailable('news', 'contact_id', 'skip', 'transactional');
