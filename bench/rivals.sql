-- Other ways to keep a status from events, with the same log. None of them survives repeated or late events.

-- The rows of the contacts, and a log with the same columns and index.
CREATE PROCEDURE bench.make_rival(name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($sql$
        CREATE SCHEMA %1$I;
        CREATE TABLE %1$I.contact (contact_id bigint PRIMARY KEY, email text NOT NULL, status text NOT NULL DEFAULT 'active',
                                   soft_bounces int NOT NULL DEFAULT 0) WITH (fillfactor = 50);
        INSERT INTO %1$I.contact (contact_id, email) SELECT contact_id, email FROM saved.contact ORDER BY contact_id;
        CREATE TABLE %1$I.event (LIKE log.event INCLUDING ALL);
        INSERT INTO %1$I.event SELECT * FROM saved.event ORDER BY contact_id;
        ANALYZE %1$I.contact; ANALYZE %1$I.event
    $sql$, name);
END $$;

-- naive: a trigger of twenty lines
CALL bench.make_rival('naive');
CREATE FUNCTION naive.apply() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IN ('delivered', 'opened', 'clicked') THEN
        UPDATE naive.contact SET status = 'active', soft_bounces = 0
         WHERE contact_id = NEW.contact_id AND status = 'soft_bounced';
    ELSIF NEW.kind = 'soft_bounced' THEN
        UPDATE naive.contact SET soft_bounces = soft_bounces + 1,
                                 status = CASE WHEN soft_bounces >= 4 THEN 'hard_bounced' ELSE 'soft_bounced' END
         WHERE contact_id = NEW.contact_id AND status IN ('active', 'soft_bounced');
    ELSIF NEW.kind IN ('hard_bounced', 'nonexistent') THEN
        UPDATE naive.contact SET status = 'hard_bounced'
         WHERE contact_id = NEW.contact_id AND status IN ('active', 'soft_bounced');
    ELSIF NEW.kind = 'unsubscribed' THEN
        UPDATE naive.contact SET status = 'unsubscribed' WHERE contact_id = NEW.contact_id AND status <> 'complained';
    ELSIF NEW.kind = 'complained' THEN
        UPDATE naive.contact SET status = 'complained' WHERE contact_id = NEW.contact_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER apply AFTER INSERT ON naive.event FOR EACH ROW EXECUTE FUNCTION naive.apply();

-- application: the application locks the row, decides, and updates it (bench/lib/Bench/Durable.pm)
CALL bench.make_rival('application');

-- manager: what a self-hosted newsletter manager does at a bounce, in one statement: it inserts the bounce, counts those
-- of the contact, and blocks the contact at a limit
CALL bench.make_rival('manager');
CREATE TABLE manager.bounce (bounce_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, contact_id bigint NOT NULL, campaign_id bigint,
                             type text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON manager.bounce (contact_id, type);
CREATE TABLE manager.subscription (contact_id bigint, list_id bigint, status text NOT NULL DEFAULT 'active', PRIMARY KEY (contact_id, list_id));
INSERT INTO manager.subscription (contact_id, list_id) SELECT contact_id, 1 FROM saved.contact ORDER BY contact_id;
ANALYZE manager.subscription;
