-- The rules in PL/pgSQL: what the extension is compared with. @ stands for the schema of an installation that
-- contact_status.create_tables has just made: its tables stay, the extension's triggers are taken off the tables
-- below, and row triggers keep the same facts, statuses, subscriptions, counts and suppression instead.
--
-- Each event locks its contact. One that is later than the last that changed a fact, and changes none, costs no more;
-- one that changes something is folded with what the log holds after it; one that is late is folded with the whole log
-- of its contact. Counts are one row for each list and status. It passes test/random.pl --plpgsql under all policies.
--
-- `noted` and `visited` have no effect but that `visited` makes the contact monitored.
--
-- Not here: retraction, changes of address, erasure, contact limits, an id that is used for a second contact, a
-- secret key for the digests, guards against other writers, and REPEATABLE READ beside other sessions. The settings
-- in force when an event was recorded are kept by the extension's triggers on policy, account and list.

-- Dropped, not disabled: rows are still gathered for a disabled trigger with a transition table.
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT tgname, tgrelid::regclass AS name FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (
            '@.event'::regclass, '@.contact'::regclass, '@.subscription'::regclass, '@.status_count'::regclass, '@.suppression'::regclass) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.name);
    END LOOP;
END $$;

-- counts

DROP INDEX @.status_count_key;
CREATE UNIQUE INDEX status_count_key ON @.status_count (account_id, list_id) NULLS NOT DISTINCT;
ALTER TABLE @.status_count SET (fillfactor = 50);

-- One contact less under a status and one more under another, in one row for each list.
CREATE FUNCTION @.count_change(account bigint, list bigint, was contact_status.contact_status,
                               becomes contact_status.contact_status) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    statuses constant contact_status.contact_status[] := enum_range(NULL::contact_status.contact_status);
    change bigint[] := array_fill(0::bigint, ARRAY[cardinality(statuses)]);
BEGIN
    IF was IS NOT DISTINCT FROM becomes THEN
        RETURN;
    END IF;
    IF was IS NOT NULL THEN
        change[array_position(statuses, was)] := -1;
    END IF;
    IF becomes IS NOT NULL THEN
        change[array_position(statuses, becomes)] := 1;
    END IF;
    INSERT INTO @.status_count AS n VALUES (account, list, pg_current_xact_id(), NULL, change)
        ON CONFLICT (account_id, list_id) DO UPDATE
        SET contacts = ARRAY(SELECT a + b FROM unnest(n.contacts, excluded.contacts) u (a, b));
END $$;

-- the rules

CREATE TYPE @.folded AS (contact @.contact, subscriptions @.subscription[]);

-- A contact and its subscriptions after the events of its log from a moment on.
CREATE FUNCTION @.fold_from(c @.contact, s @.subscription[], since timestamptz, p contact_status.policy)
    RETURNS @.folded LANGUAGE plpgsql AS $$
DECLARE
    e @.event;
    was_c @.contact;
    was_s @.subscription[];
    g contact_status.consent_settings;      -- in force when the event was recorded
    i integer;                              -- the event's list in s; null: no consent there
    consent contact_status.contact_status;  -- of that list
    error text;                             -- how an error counts: soft, hard or not at all
    hard_limit integer;
    same timestamptz[];                     -- errors of the same campaign in the run
    clicked boolean;
    most integer := coalesce(p.unresponsive_campaigns, CASE WHEN p.unresponsive_after IS NULL THEN 0 ELSE 1 END);
BEGIN
    FOR e IN
        SELECT * FROM @.event
         WHERE account_id = c.account_id AND contact_id = c.contact_id AND occurred_at >= since
         ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"
    LOOP
        was_c := c;
        was_s := s;
        clicked := e.kind IN ('opened', 'clicked');
        IF e.kind IN ('signed_up', 'confirmed', 'clicked', 'visited') THEN
            c.monitored := true;
        END IF;

        -- delivery
        IF e.kind = 'delivered' THEN
            IF e.campaign_id = c.delivered_campaign THEN
                NULL;   -- repeated ones are one
            ELSIF e.campaign_id IS NOT NULL AND c.delivered_campaign IS NULL
                  AND (c.run_campaigns IS NOT NULL OR c.hard_bounces > 0) THEN
                c.delivered_campaign := e.campaign_id;   -- the run is over, but kept until the next event
            ELSE
                c.delivered_campaign := NULL;
                c := @.without_run(c);
            END IF;

        ELSIF e.kind = 'lapsed' THEN
            c.lapsed_at := e.occurred_at;

        ELSIF e.kind = 'sent' THEN
            IF most > coalesce(cardinality(c.unanswered), 0) AND (e.campaign_id = ANY (c.unanswered)) IS NOT TRUE THEN
                c.unanswered_since := coalesce(c.unanswered_since, e.occurred_at);
                c.unanswered := c.unanswered || e.campaign_id;
            END IF;

        -- errors
        ELSIF e.kind IN ('soft_bounced', 'blocked', 'hard_bounced', 'nonexistent') THEN
            hard_limit := coalesce(p.hard_bounce_limit, 1);
            error := CASE WHEN c.hard_bounced_at IS NOT NULL THEN NULL
                          WHEN e.kind = 'nonexistent' OR e.kind = 'hard_bounced' AND p.hard_bounce_limit IS NOT NULL THEN 'hard'
                          WHEN e.kind <> 'blocked' OR p.blocked_counts THEN 'soft' END;
            IF error IS NOT NULL AND c.delivered_campaign IS NOT NULL THEN
                IF e.campaign_id IS DISTINCT FROM c.delivered_campaign THEN
                    c := @.without_run(c);
                END IF;
                c.delivered_campaign := NULL;   -- taken back where it was of the same campaign
            END IF;
            IF error IS NOT NULL AND e.occurred_at - c.last_error_at > p.soft_bounce_memory
               AND (cardinality(c.run_campaigns) >= p.soft_bounce_limit) IS NOT TRUE THEN
                c := @.without_run(c);
            END IF;
            IF error = 'hard' AND ((SELECT count(*) FROM unnest(c.hard_bounce_campaigns) h WHERE h = e.campaign_id)
                                   < p.hard_bounces_per_campaign) IS NOT FALSE THEN
                c.hard_bounces := c.hard_bounces + 1;
                IF p.hard_bounces_per_campaign IS NOT NULL THEN
                    c.hard_bounce_campaigns := c.hard_bounce_campaigns || e.campaign_id;
                END IF;
                IF p.soft_bounce_memory IS NOT NULL THEN
                    c.last_error_at := e.occurred_at;
                END IF;
                IF c.hard_bounces >= hard_limit THEN
                    c.hard_bounced_at := e.occurred_at;
                END IF;
            ELSIF error = 'soft' THEN
                same := ARRAY(SELECT t FROM unnest(c.run_campaigns, c.run_times) AS r (campaign, t)
                               WHERE campaign = e.campaign_id ORDER BY t);
                IF (cardinality(same) < p.soft_bounces_per_campaign) IS NOT FALSE
                   AND (e.occurred_at - same[1] <= p.soft_bounce_window) IS NOT FALSE
                   AND (cardinality(c.run_campaigns) >= p.soft_bounce_limit) IS NOT TRUE THEN
                    IF coalesce(cardinality(c.run_campaigns), 0) < coalesce(p.soft_bounce_limit, CASE WHEN p.soft_bounce_memory IS NOT NULL
                           AND (p.soft_bounces_per_campaign IS NOT NULL OR p.soft_bounce_window IS NOT NULL) THEN 1000 ELSE 1 END) THEN
                        c.run_campaigns := c.run_campaigns || e.campaign_id;
                        c.run_times := c.run_times || e.occurred_at;
                    END IF;
                    IF p.soft_bounce_memory IS NOT NULL THEN
                        c.last_error_at := e.occurred_at;
                    END IF;
                    IF cardinality(c.run_campaigns) >= p.soft_bounce_limit AND p.soft_bounce_outcome = 'hard_bounced' THEN
                        c.hard_bounced_at := e.occurred_at;
                    END IF;
                END IF;
            END IF;
            IF error IS NOT NULL AND c.hard_bounced_at IS NOT NULL THEN
                c := @.without_run(c);
            END IF;

        -- holds
        ELSIF e.kind = 'complained' THEN
            c.complained_at := e.occurred_at;
        ELSIF e.kind = 'deleted' THEN
            c.deleted_at := e.occurred_at;
        ELSIF e.kind = 'restored' THEN
            c.deleted_at := NULL;
        ELSIF e.kind = 'suspended' THEN
            c.suspended_at := e.occurred_at;
            c.suspended_until := e.until;
        ELSIF e.kind = 'released' THEN
            c.suspended_at := NULL;
            c.suspended_until := NULL;

        -- consent
        ELSIF e.kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed', 'unsubscribed') THEN
            g := @.settings_of(e);
            IF e.kind IN ('signed_up', 'resubscribed') AND c.deleted_at IS NOT NULL THEN
                c.deleted_at := NULL;
                s := ARRAY(SELECT x FROM unnest(s) AS x WHERE x.consent = 'unsubscribed');
            END IF;
            i := (SELECT o FROM unnest(s) WITH ORDINALITY AS x (a, list_id, b, c, d, f, g, h, o) WHERE x.list_id = e.list_id);
            IF i IS NULL AND c.unsubscribed_at IS NOT NULL AND e.kind IN ('added', 'signed_up', 'resubscribed') THEN
                s := s || ROW(e.account_id, e.list_id, e.contact_id, 'unsubscribed', 'unsubscribed', c.unsubscribed_at, NULL, NULL)::@.subscription;
                i := cardinality(s);
            END IF;
            consent := s[i].consent;

            IF e.kind = 'unsubscribed' AND (e.list_id IS NULL OR g.unsubscribe_scope = 'account') THEN
                c.unsubscribed_at := e.occurred_at;
                s := ARRAY(SELECT ROW(x.account_id, x.list_id, x.contact_id, 'unsubscribed', 'unsubscribed', e.occurred_at, NULL, NULL)::@.subscription
                             FROM unnest(s) AS x);
                consent := NULL;
            ELSIF e.kind = 'unsubscribed' THEN
                consent := 'unsubscribed';
            ELSIF e.kind = 'added' AND consent IS NULL THEN
                consent := CASE WHEN g.import_consent = 'by_list' AND g.double_opt_in THEN 'unconfirmed' ELSE 'active' END;
            ELSIF e.kind = 'signed_up' AND consent IS NULL THEN
                consent := CASE WHEN g.double_opt_in THEN 'unconfirmed' ELSE 'active' END;
            ELSIF e.kind = 'signed_up' AND consent = 'unconfirmed' THEN
                consent := CASE WHEN g.double_opt_in THEN 'unconfirmed' ELSE 'active' END;
            ELSIF e.kind = 'signed_up' AND consent = 'unsubscribed' AND g.resubscribe <> 'never' THEN
                s[i].requested_at := e.occurred_at;
                s[i].request_key := e.event_key;
                consent := NULL;
            ELSIF e.kind = 'confirmed' AND (consent = 'unconfirmed' AND (e.occurred_at - s[i].consent_at > g.confirm_within) IS NOT TRUE
                    OR consent = 'unsubscribed' AND s[i].requested_at IS NOT NULL AND s[i].request_key IN ('', e.event_key)
                       AND (e.occurred_at - s[i].requested_at > g.confirm_within) IS NOT TRUE) THEN
                consent := 'active';
                IF e.source IS DISTINCT FROM 'manual' THEN
                    clicked := true;
                    c.hard_bounced_at := NULL;
                END IF;
            ELSIF e.kind = 'resubscribed' AND g.resubscribe <> 'never' AND c.complained_at IS NULL THEN
                consent := 'active';
            ELSIF e.kind = 'removed' AND consent <> 'unsubscribed' THEN
                s := s[:i - 1] || s[i + 1:];
                consent := NULL;
            ELSE
                consent := NULL;   -- nothing to set
            END IF;
            IF consent IS NOT NULL THEN
                s[coalesce(i, cardinality(s) + 1)] :=
                    ROW(e.account_id, e.list_id, e.contact_id, consent, consent, e.occurred_at, NULL, NULL)::@.subscription;
            END IF;
        END IF;

        IF clicked THEN
            c.unanswered := NULL;
            c.unanswered_since := NULL;
            c.lapsed_at := NULL;
        END IF;
        IF clicked OR e.kind IN ('validated', 'invalidated') THEN
            c.delivered_campaign := NULL;
            c := @.without_run(c);
            IF e.kind IN ('validated', 'invalidated') THEN
                c.hard_bounced_at := CASE e.kind WHEN 'invalidated' THEN e.occurred_at END;
            END IF;
        END IF;
        IF c IS DISTINCT FROM was_c OR s IS DISTINCT FROM was_s THEN
            c.changed_at := e.occurred_at;
        END IF;
    END LOOP;
    RETURN ROW(c, s);
END $$;

-- A contact whose run of errors is over.
CREATE FUNCTION @.without_run(c @.contact) RETURNS @.contact LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    c.run_campaigns := NULL;
    c.run_times := NULL;
    c.hard_bounces := 0;
    c.hard_bounce_campaigns := NULL;
    c.last_error_at := NULL;
    RETURN c;
END $$;

-- The consent settings in force when an event was recorded.
CREATE FUNCTION @.settings_of(e @.event) RETURNS contact_status.consent_settings LANGUAGE plpgsql STABLE AS $$
DECLARE
    g contact_status.consent_settings;
    of_list boolean;
BEGIN
    SELECT import_consent, double_opt_in, unsubscribe_scope, resubscribe, confirm_within INTO g FROM @.consent_setting_history
     WHERE account_id = e.account_id AND list_id IS NULL AND since <= e.recorded_at ORDER BY since DESC LIMIT 1;
    SELECT double_opt_in INTO of_list FROM @.consent_setting_history
     WHERE account_id = e.account_id AND list_id = e.list_id AND since <= e.recorded_at ORDER BY since DESC LIMIT 1;
    g.double_opt_in := coalesce(of_list, g.double_opt_in);
    RETURN g;
END $$;

-- What the facts of the address say.
CREATE FUNCTION @.address_status(c @.contact, p contact_status.policy, as_of timestamptz)
    RETURNS contact_status.contact_status LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN greatest(
        CASE WHEN c.hard_bounced_at IS NOT NULL THEN 'hard_bounced'
             WHEN c.delivered_campaign IS NOT NULL THEN 'active'
             WHEN cardinality(c.run_campaigns) >= p.soft_bounce_limit THEN p.soft_bounce_outcome
             WHEN c.run_campaigns IS NOT NULL OR c.hard_bounces > 0 THEN 'soft_bounced'
             ELSE 'active' END,
        CASE WHEN c.lapsed_at IS NOT NULL OR cardinality(c.unanswered) >= p.unresponsive_campaigns
               OR as_of - c.unanswered_since >= p.unresponsive_after THEN 'unresponsive'::contact_status.contact_status END,
        CASE WHEN c.suspended_at IS NOT NULL AND (c.suspended_until > as_of) IS NOT FALSE THEN 'suspended'::contact_status.contact_status END,
        CASE WHEN c.complained_at IS NOT NULL THEN 'complained'::contact_status.contact_status END,
        CASE WHEN c.deleted_at IS NOT NULL THEN 'deleted'::contact_status.contact_status END);
END $$;

-- Writes what became of a contact and its subscriptions as of a moment, where it differs from what they were.
CREATE FUNCTION @.settle(was @.folded, becomes @.folded, p contact_status.policy, as_of timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    c @.contact := becomes.contact;
    s @.subscription[] := becomes.subscriptions;
    x @.subscription;
    old @.subscription;
    address contact_status.contact_status := @.address_status(c, p, as_of);
BEGIN
    FOR i IN 1 .. cardinality(s) LOOP
        s[i].status := greatest(s[i].consent, address);
    END LOOP;
    c.status := coalesce((SELECT min(o.status) FROM unnest(s) AS o),
        greatest(address, CASE WHEN c.unsubscribed_at IS NULL THEN 'unconfirmed' ELSE 'unsubscribed' END::contact_status.contact_status));
    c.due_at := least(CASE WHEN c.suspended_until > as_of THEN c.suspended_until END,
        CASE WHEN c.unanswered_since + p.unresponsive_after > as_of THEN c.unanswered_since + p.unresponsive_after END);

    IF c IS NOT DISTINCT FROM was.contact AND s IS NOT DISTINCT FROM was.subscriptions THEN
        RETURN false;
    END IF;
    IF c IS DISTINCT FROM was.contact THEN
        UPDATE @.contact AS t
           SET status = c.status, monitored = c.monitored, hard_bounces = c.hard_bounces, changed_at = c.changed_at,
               due_at = c.due_at, hard_bounced_at = c.hard_bounced_at, unsubscribed_at = c.unsubscribed_at,
               complained_at = c.complained_at, deleted_at = c.deleted_at, suspended_at = c.suspended_at,
               suspended_until = c.suspended_until, unanswered_since = c.unanswered_since, unanswered = c.unanswered,
               delivered_campaign = c.delivered_campaign, run_campaigns = c.run_campaigns, run_times = c.run_times,
               hard_bounce_campaigns = c.hard_bounce_campaigns, last_error_at = c.last_error_at, lapsed_at = c.lapsed_at
         WHERE t.account_id = c.account_id AND t.contact_id = c.contact_id;
    END IF;
    PERFORM @.count_change(c.account_id, NULL, (was.contact).status, c.status);

    FOR x IN SELECT (coalesce(n, o)).* FROM unnest(s) AS n FULL JOIN unnest(was.subscriptions) AS o USING (list_id)
              WHERE n IS DISTINCT FROM o ORDER BY list_id LOOP
        SELECT * INTO old FROM unnest(was.subscriptions) AS o WHERE o.list_id = x.list_id;
        IF old.list_id IS NULL THEN
            INSERT INTO @.subscription VALUES (x.*);
        ELSIF x IS NOT DISTINCT FROM old THEN
            DELETE FROM @.subscription AS t
             WHERE t.account_id = x.account_id AND t.contact_id = x.contact_id AND t.list_id = x.list_id;
            x.status := NULL;
        ELSE
            UPDATE @.subscription AS t
               SET status = x.status, consent = x.consent, consent_at = x.consent_at, requested_at = x.requested_at, request_key = x.request_key
             WHERE t.account_id = x.account_id AND t.contact_id = x.contact_id AND t.list_id = x.list_id;
        END IF;
        PERFORM @.count_change(x.account_id, x.list_id, old.status, x.status);
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION @.policy_of(account bigint) RETURNS contact_status.policy LANGUAGE plpgsql STABLE AS $$
DECLARE
    p contact_status.policy;
BEGIN
    SELECT o.* INTO p FROM @.account AS a JOIN @.policy AS o ON o.name = a.policy WHERE a.account_id = account;
    RETURN p;
END $$;

CREATE FUNCTION @.subscriptions_of(account bigint, contact bigint) RETURNS @.subscription[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT t FROM @.subscription AS t WHERE t.account_id = account AND t.contact_id = contact ORDER BY list_id);
END $$;

-- The contact as it is before its first event.
CREATE FUNCTION @.without_facts(c @.contact) RETURNS @.contact LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    fresh @.contact;
BEGIN
    fresh.account_id := c.account_id;
    fresh.contact_id := c.contact_id;
    fresh.email := c.email;
    fresh.created_at := c.created_at;
    fresh.status := c.status;
    fresh.due_at := c.due_at;
    fresh.monitored := false;
    fresh.hard_bounces := 0;
    RETURN fresh;
END $$;

-- the triggers

CREATE FUNCTION @.apply_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    c @.contact;
    s @.subscription[];
    p contact_status.policy;
    in_order boolean;
BEGIN
    IF NEW.kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed') AND NEW.list_id IS NULL
       OR NEW.kind = 'sent' AND NEW.campaign_id IS NULL
       OR (NEW.kind = 'resubscribed' OR NEW.kind = 'confirmed' AND NEW.source = 'manual') AND btrim(coalesce(NEW.evidence, '')) = ''
       OR NEW.until IS NOT NULL AND (NEW.kind <> 'suspended' OR NEW.until <= NEW.occurred_at)
       OR NEW.occurred_at > clock_timestamp() + interval '1 minute' THEN
        RAISE check_violation USING MESSAGE = format('event "%s" of contact %s has the wrong shape', NEW.kind, NEW.contact_id);
    END IF;
    IF NEW.list_id IS NOT NULL AND NOT EXISTS (SELECT FROM @.list WHERE account_id = NEW.account_id AND list_id = NEW.list_id) THEN
        RAISE foreign_key_violation USING MESSAGE = format('list %s does not exist', NEW.list_id);
    END IF;
    SELECT * INTO c FROM @.contact WHERE account_id = NEW.account_id AND contact_id = NEW.contact_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = format('contact %s does not exist', NEW.contact_id);
    END IF;

    -- nine in ten change nothing, and those after them in the log changed nothing either
    in_order := (NEW.occurred_at > c.changed_at) IS NOT FALSE;
    IF in_order AND c.run_campaigns IS NULL AND c.hard_bounces = 0
       AND (NEW.kind = 'delivered'
            OR NEW.kind IN ('opened', 'clicked') AND c.unanswered IS NULL AND c.lapsed_at IS NULL AND (c.monitored OR NEW.kind = 'opened')) THEN
        RETURN NULL;
    END IF;

    p := @.policy_of(NEW.account_id);
    s := @.subscriptions_of(NEW.account_id, NEW.contact_id);
    PERFORM @.settle(ROW(c, s),
        CASE WHEN in_order THEN @.fold_from(c, s, NEW.occurred_at, p)
             ELSE @.fold_from(@.without_facts(c), '{}', '-infinity', p) END,
        p, clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER plpgsql_apply AFTER INSERT ON @.event FOR EACH ROW EXECUTE FUNCTION @.apply_event();

-- What outlives a contact, under the digest of its address.
CREATE FUNCTION @.end_contact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    s @.subscription[] := @.subscriptions_of(OLD.account_id, OLD.contact_id);
    x @.subscription;
BEGIN
    INSERT INTO @.suppression AS n (account_id, address_digest, kind, list_id, occurred_at)
    SELECT OLD.account_id, @.digest(OLD.account_id, OLD.email), f.kind, f.list_id, f.at
      FROM (VALUES ('unsubscribed'::contact_status.event_kind, NULL::bigint, OLD.unsubscribed_at),
                   ('complained', NULL, OLD.complained_at), ('invalidated', NULL, OLD.hard_bounced_at)) AS f (kind, list_id, at)
     WHERE f.at IS NOT NULL
    UNION ALL
    SELECT OLD.account_id, @.digest(OLD.account_id, OLD.email), 'unsubscribed', o.list_id, o.consent_at
      FROM unnest(s) AS o WHERE o.consent = 'unsubscribed'
    ON CONFLICT (account_id, address_digest, kind, list_id) DO UPDATE SET occurred_at = greatest(n.occurred_at, excluded.occurred_at);
    PERFORM @.count_change(OLD.account_id, NULL, OLD.status, NULL);
    FOREACH x IN ARRAY s LOOP
        PERFORM @.count_change(x.account_id, x.list_id, x.status, NULL);
    END LOOP;
    DELETE FROM @.subscription WHERE account_id = OLD.account_id AND contact_id = OLD.contact_id;
    RETURN NULL;
END $$;
CREATE TRIGGER plpgsql_end AFTER DELETE ON @.contact FOR EACH ROW EXECUTE FUNCTION @.end_contact();

CREATE FUNCTION @.begin_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @.count_change(NEW.account_id, NULL, NULL, NEW.status);
    INSERT INTO @.event (account_id, contact_id, list_id, kind, occurred_at, source)
    SELECT NEW.account_id, NEW.contact_id, list_id, kind, occurred_at, 'suppression' FROM @.suppression
     WHERE account_id = NEW.account_id AND address_digest = @.digest(NEW.account_id, NEW.email);
    RETURN NULL;
END $$;
CREATE TRIGGER plpgsql_begin AFTER INSERT ON @.contact FOR EACH ROW EXECUTE FUNCTION @.begin_contact();

CREATE FUNCTION @.digest(account bigint, email text) RETURNS bytea LANGUAGE sql IMMUTABLE
    RETURN sha256(convert_to(account || ' ' || contact_status.normalize_address(email), 'UTF8'));

-- what the clock and a changed policy bring

CREATE FUNCTION @.sweep(as_of timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c @.contact;
    s @.subscription[];
    changed bigint := 0;
BEGIN
    FOR c IN SELECT * FROM @.contact WHERE due_at <= as_of ORDER BY account_id, contact_id FOR NO KEY UPDATE LOOP
        s := @.subscriptions_of(c.account_id, c.contact_id);
        changed := changed + @.settle(ROW(c, s), ROW(c, s), @.policy_of(c.account_id), as_of)::int;
    END LOOP;
    RETURN changed;
END $$;

CREATE FUNCTION @.reevaluate() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c @.contact;
    s @.subscription[];
    p contact_status.policy;
    changed bigint := 0;
BEGIN
    FOR c IN SELECT * FROM @.contact ORDER BY account_id, contact_id FOR NO KEY UPDATE LOOP
        s := @.subscriptions_of(c.account_id, c.contact_id);
        p := @.policy_of(c.account_id);
        changed := changed + @.settle(ROW(c, s), @.fold_from(@.without_facts(c), '{}', '-infinity', p), p, clock_timestamp())::int;
    END LOOP;
    RETURN changed;
END $$;
