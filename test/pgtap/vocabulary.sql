\i test/pgtap/setup.inc
-- The words: labels and their order, and the pure functions over them.
SELECT * FROM no_plan();

SELECT enum_has_labels('contact_status', 'contact_status', ARRAY[
    'active', 'soft_bounced', 'unresponsive', 'unconfirmed', 'suspended', 'failing', 'hard_bounced', 'unsubscribed',
    'complained', 'deleted'], 'the statuses, in the order of precedence');
SELECT enum_has_labels('contact_status', 'event_kind', ARRAY[
    'noted', 'signed_up', 'added', 'confirmed', 'resubscribed', 'released', 'restored', 'validated', 'sent',
    'delivered', 'opened',
    'clicked', 'visited', 'soft_bounced', 'blocked', 'hard_bounced', 'nonexistent', 'invalidated', 'lapsed',
    'suspended', 'removed',
    'unsubscribed', 'complained', 'deleted'], 'the events, in the order that breaks ties');
SELECT is(greatest('active'::contact_status.contact_status, 'complained', 'unsubscribed'), 'complained',
    'greatest() gives the status that takes precedence');

-- Every status: its properties, and the word of each vocabulary; null where a vendor has none.
CREATE TABLE helper.word (
    status contact_status.contact_status, mailable boolean, category text, dot text, emailmanager text,
    salesmanago text, activecampaign text, ecomail text, mailchimp text, listmonk text, keila text);
INSERT INTO helper.word VALUES
    ('active', true, 'ok', 'green', '0 Ativo', 'opt-in', 'iscritto', 'aktivní', 'subscribed', 'enabled', 'active'),
    ('soft_bounced', true, 'temporary_error', 'yellow', '1 Ativo com erros', 'opt-in', 'iscritto',
        'aktivní (soft bounce)', 'subscribed', 'enabled', 'active'),
    ('unresponsive', false, 'ok', 'blue', '3 Não responde', NULL, NULL, NULL, NULL, NULL, NULL),
    ('unconfirmed', false, 'ok', 'orange', NULL, 'opt-out', 'non confermato', 'nepotvrzené', 'pending',
        'unconfirmed', NULL),
    ('suspended', false, 'ok', 'orange', '4 Suspenso', NULL, NULL, NULL, NULL, 'disabled', NULL),
    ('failing', false, 'temporary_error', 'dark grey', '2 Com problemas', NULL, NULL, NULL, NULL, NULL, NULL),
    ('hard_bounced', false, 'permanent_error', 'dark grey', '7 Inexistente', 'hard bounce', 'respinto', 'odražené',
        'cleaned', NULL, 'unreachable'),
    ('unsubscribed', false, 'ok', 'orange', '5 Solicitou Remoção', 'opt-out', 'cancellato', 'odhlášené',
        'unsubscribed', 'unsubscribed', 'unsubscribed'),
    ('complained', false, 'ok', 'red', '6 Denunciou Abuso', NULL, NULL, 'spam stížnosti', NULL, NULL, NULL),
    ('deleted', false, 'ok', 'black', NULL, 'usunięty', NULL, NULL, 'archived', NULL, NULL);

SELECT is(contact_status.is_mailable(status), mailable, format('is_mailable(%s)', status)) FROM helper.word;
SELECT is(contact_status.report_category(status)::text, category, format('report_category(%s)', status))
FROM helper.word;
SELECT is(contact_status.color(status)::text, dot, format('color(%s)', status)) FROM helper.word;

CREATE VIEW helper.own_word AS
SELECT vocabulary, status, word FROM helper.word, LATERAL (VALUES
    ('emailmanager', emailmanager), ('salesmanago', salesmanago), ('activecampaign', activecampaign),
    ('ecomail', ecomail), ('mailchimp', mailchimp), ('listmonk', listmonk), ('keila', keila)) AS w (vocabulary, word);
SELECT is(contact_status.label(status, vocabulary), word, format('label(%s, %s)', status, vocabulary))
FROM helper.own_word;

-- The dot is that of the status that the word means: four colours in salesmanago.
SELECT is(contact_status.color(status, vocabulary), contact_status.color(contact_status.from_label(word, vocabulary)),
    format('color(%s, %s)', status, vocabulary))
FROM helper.own_word;
SELECT is(contact_status.color(status, 'salesmanago'), dot, format('%s in salesmanago', status)) FROM (VALUES
    ('active'::contact_status.contact_status, 'green'), ('soft_bounced', 'green'), ('unconfirmed', 'orange'),
    ('unsubscribed', 'orange'), ('hard_bounced', 'dark grey'), ('deleted', 'black'),
    ('complained', NULL)) AS w (status, dot);

-- Reports.
SELECT is(contact_status.report_label(category, vocabulary), word, format('report_label(%s, %s)', category, vocabulary))
FROM (VALUES
    ('ok', 'emailmanager', 'OK'), ('temporary_error', 'emailmanager', 'Erro temporário'),
    ('permanent_error', 'emailmanager', 'Erro permanente'), ('ok', 'ecomail', 'doručené'),
    ('temporary_error', 'ecomail', 'soft bounce'), ('permanent_error', 'ecomail', 'hard bounce'),
    ('ok', 'keila', NULL)) AS w (category, vocabulary, word);

-- Reading back: as mailable as it was, and of two statuses with one word the plainer.
SELECT is(contact_status.from_label(word, vocabulary),
    CASE WHEN word IN ('opt-in', 'iscritto', 'subscribed', 'enabled', 'active') THEN 'active'
         WHEN word = 'opt-out' THEN 'unsubscribed' ELSE status END,
    format('the label of %s in %s reads back', status, vocabulary))
FROM helper.own_word WHERE word IS NOT NULL;
SELECT is(contact_status.is_mailable(contact_status.from_label(word, vocabulary)), contact_status.is_mailable(status),
    format('the label of %s in %s reads back as mailable as it was', status, vocabulary))
FROM helper.own_word WHERE word IS NOT NULL;

-- Case, accents (composed or not), dashes, blanks and a code do not matter.
SELECT is(contact_status.from_label(word, vocabulary), status, format('from_label(%s, %s)', word, vocabulary))
FROM (VALUES
    ('emailmanager', '0', 'active'::contact_status.contact_status), ('emailmanager', '0 – Ativo', 'active'),
    ('emailmanager', '0-Ativo', 'active'), ('emailmanager', 'ATIVO', 'active'),
    ('emailmanager', '1 — Ativo  com erros', 'soft_bounced'), ('emailmanager', 'Com problemas', 'failing'),
    ('emailmanager', 'NÃO RESPONDE', 'unresponsive'), ('emailmanager', 'Nao responde', 'unresponsive'),
    ('emailmanager', E'Na\u0303o responde', 'unresponsive'), ('emailmanager', '4', 'suspended'),
    ('emailmanager', 'solicitou remocao', 'unsubscribed'), ('emailmanager', '6', 'complained'),
    ('emailmanager', '7 inexistente', 'hard_bounced'), ('emailmanager', 'Erro Permanente', 'hard_bounced'),
    ('salesmanago', 'opt – out', 'unsubscribed'), ('salesmanago', 'OPTIN', 'active'),
    ('salesmanago', 'hard bounces', 'hard_bounced'), ('salesmanago', 'twarda zwrotka', 'hard_bounced'),
    ('salesmanago', 'usuniety', 'deleted'), ('salesmanago', 'deleted', 'deleted'),
    ('activecampaign', '0', 'unconfirmed'), ('activecampaign', '1', 'active'),
    ('activecampaign', '2', 'unsubscribed'), ('activecampaign', '3', 'hard_bounced'),
    ('activecampaign', 'attivo', 'active'), ('activecampaign', 'rimbalzato', 'hard_bounced'),
    ('activecampaign', 'Bounced', 'hard_bounced'), ('activecampaign', 'unsubscribed', 'unsubscribed'),
    ('ecomail', '1', 'active'), ('ecomail', '2', 'unsubscribed'), ('ecomail', '4', 'hard_bounced'),
    ('ecomail', '5', 'complained'), ('ecomail', '6', 'unconfirmed'), ('ecomail', 'AKTIVNÍ', 'active'),
    ('ecomail', 'soft bounce', 'soft_bounced'), ('ecomail', 'Hard bounces', 'hard_bounced'),
    ('ecomail', 'vrácené', 'hard_bounced'), ('ecomail', 'Označeno jako spam', 'complained'),
    ('mailchimp', 'Cleaned', 'hard_bounced'), ('listmonk', 'blocklisted', 'unsubscribed'),
    ('listmonk', 'confirmed', 'active'), ('keila', 'Unreachable', 'hard_bounced')) AS known (vocabulary, word, status);
SELECT is(contact_status.from_label(word, vocabulary), status, format('vocabulary_words: %s, %s', vocabulary, word))
FROM (SELECT DISTINCT ON (vocabulary, lower(word)) vocabulary, word, status
      FROM contact_status.vocabulary_words() WITH ORDINALITY ORDER BY vocabulary, lower(word), ordinality) w;
SELECT is(contact_status.from_label(spelling, vocabulary), status, format('another spelling: %s', spelling))
FROM contact_status.vocabulary_words(), string_to_table(spellings, '|') spelling;
SELECT is(contact_status.from_label(code, vocabulary), status, format('a code: %s %s', vocabulary, code))
FROM contact_status.vocabulary_words() WHERE code IS NOT NULL;

-- A word without a vocabulary is read if it means one thing everywhere.
SELECT is(_contact_status.read_status(word, NULL), status, format('without a vocabulary: "%s"', word)) FROM (VALUES
    ('unsubscribed', 'unsubscribed'::contact_status.contact_status), ('Hard Bounce', 'hard_bounced'),
    ('cleaned', 'hard_bounced'), ('active', 'active'), ('deleted', 'deleted'), ('6 Denunciou Abuso', 'complained'),
    ('2', NULL), ('0', NULL), ('', NULL), ('  ', NULL), ('-', NULL), ('nonsense', NULL), (NULL, NULL),
    (repeat('é', 10000), NULL)) AS w (word, status);
SELECT is(_contact_status.read_status('unsubscribed', vocabulary), 'unsubscribed',
    format('a label of the type is read in %s', vocabulary))
FROM (SELECT DISTINCT vocabulary FROM contact_status.vocabulary_words()) v;

-- Unknown words.
SELECT is(verdict, '22023', description) FROM (VALUES
    ('SELECT contact_status.label(''active'', ''sendy'')', 'label: unknown vocabulary'),
    ('SELECT contact_status.color(''active'', ''sendy'')', 'color: unknown vocabulary'),
    ('SELECT contact_status.from_label(''opt-in'', ''sendy'')', 'from_label: unknown vocabulary'),
    ('SELECT contact_status.report_label(''ok'', ''sendy'')', 'report_label: unknown vocabulary'),
    ('SELECT contact_status.report_label(''good'', ''ecomail'')', 'report_label: unknown category'),
    ('SELECT contact_status.from_label(''opt-maybe'', ''salesmanago'')', 'from_label: unknown label'),
    ('SELECT contact_status.from_label(''opt-in'', ''ecomail'')', 'from_label: a label of another vocabulary'),
    ('SELECT contact_status.from_label(''3'', ''ecomail'')', 'from_label: an unknown code'),
    ('SELECT contact_status.from_label('''', ''ecomail'')', 'from_label: no label')) AS wrong (statement, description),
    helper.refusal(statement);
SELECT ok(concat(said, ' ', hint) LIKE '%' || known || '%',
    format('an unknown vocabulary is answered with the known ones: %s', known))
FROM (SELECT DISTINCT vocabulary AS known FROM helper.own_word) v,
    helper.refusal('SELECT contact_status.label(''active'', ''sendy'')');
SELECT ok(concat(said, ' ', hint) LIKE '%' || word || '%',
    format('an unknown label of %s is answered with the known ones: %s', vocabulary, word))
FROM (SELECT DISTINCT vocabulary, word FROM helper.own_word WHERE word IS NOT NULL) AS words,
    helper.refusal(format('SELECT contact_status.from_label(''nonsense'', %L)', vocabulary))
ORDER BY vocabulary, word;

-- Addresses.
SELECT is(contact_status.normalize_address(given), normalized, format('normalize_address: %s', description))
    FROM (VALUES
    ('ann@example.org', 'ann@example.org', 'nothing to do'),
    ('Ann.Smith@Example.ORG', 'ann.smith@example.org', 'letters in lower case, of either side'),
    ('  ann@example.org ', 'ann@example.org', 'surrounding blanks off'),
    (E'\tann@example.org\t', 'ann@example.org', 'tabs are blanks'),
    ('ann smith@example.org', 'ann smith@example.org', 'inner blanks stay'),
    ('ann+News@example.org', 'ann+news@example.org', 'a tag stays'),
    ('a.n.n@gmail.com', 'a.n.n@gmail.com', 'dots stay'),
    ('ÅSA@Example.org', 'Åsa@example.org', 'only ASCII letters in lower case'),
    ('İNFO@example.org', 'İnfo@example.org', 'whatever the locale'),
    ('ann@MÜNCHEN.de', 'ann@mÜnchen.de', 'an international domain in letters'),
    ('ann@xn--mnchen-3ya.de', 'ann@xn--mnchen-3ya.de', 'and in its ASCII form'),
    ('', '', 'an empty one')) AS address (given, normalized, description);

-- Nulls give nulls.
SELECT is(result, NULL, description) FROM (VALUES
    (contact_status.is_mailable(NULL)::text, 'is_mailable'),
    (contact_status.report_category(NULL)::text, 'report_category'),
    (contact_status.color(NULL)::text, 'color without a status'),
    (contact_status.color(NULL, 'ecomail')::text, 'color of a vocabulary without a status'),
    (contact_status.report_label(NULL, 'ecomail')::text, 'report_label without a category'),
    (contact_status.color('active', NULL)::text, 'color without a vocabulary'),
    (contact_status.label(NULL, 'ecomail'), 'label without a status'),
    (contact_status.label('active', NULL), 'label without a vocabulary'),
    (contact_status.from_label(NULL, 'ecomail')::text, 'from_label without a label'),
    (contact_status.from_label('opt-in', NULL)::text, 'from_label without a vocabulary'),
    (contact_status.normalize_address(NULL), 'normalize_address')) AS called (result, description);

-- is_mailable is in SQL and not strict, so that it is inlined; of null it is null by itself
SELECT is(p.provolatile::text || (p.proisstrict OR p.proname = 'is_mailable'), 'itrue',
    format('%s is immutable and strict', p.oid::regprocedure))
FROM pg_proc AS p WHERE p.pronamespace = 'contact_status'::regnamespace
AND p.proname IN ('is_mailable', 'report_category', 'color', 'label', 'from_label', 'report_label',
    'vocabulary_words', 'normalize_address') ORDER BY p.oid::regprocedure::text;

SELECT is(contact_status.is_mailable(NULL), NULL, 'of no status it is not known whether it is mailable');

SELECT * FROM finish();
ROLLBACK;
