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

-- Every status: its properties, and the words of each vocabulary. '|' separates two ways to say one word.
-- A status without a word of its own has none here.
CREATE TABLE helper.word (
    status contact_status.contact_status, mailable boolean, category text, dot text,
    emailmanager text, salesmanago text, activecampaign text, ecomail text);
INSERT INTO helper.word VALUES
    ('active', true, 'ok', 'green', '0 Ativo', 'opt-in', 'iscritto|active', 'aktivní'),
    ('soft_bounced', true, 'temporary_error', 'yellow', '1 Ativo com erros', 'opt-in', 'iscritto|active',
        'aktivní (soft bounce)'),
    ('unresponsive', false, 'ok', 'blue', '3 Não responde', NULL, NULL, NULL),
    ('unconfirmed', false, 'ok', 'orange', NULL, 'opt-out', 'non confermato', 'nepotvrzené'),
    ('suspended', false, 'ok', 'orange', '4 Suspenso', NULL, NULL, NULL),
    ('failing', false, 'temporary_error', 'dark grey', '2 Com problemas', NULL, NULL, NULL),
    ('hard_bounced', false, 'permanent_error', 'dark grey', '7 Inexistente', 'hard bounce', 'respinto|bounced',
        'odražené|hard bounce'),
    ('unsubscribed', false, 'ok', 'orange', '5 Solicitou Remoção', 'opt-out', 'cancellato|unsubscribed', 'odhlášené'),
    ('complained', false, 'ok', 'red', '6 Denunciou Abuso', NULL, NULL, 'spam stížnosti'),
    ('deleted', false, 'ok', 'black', NULL, 'usunięty|deleted', NULL, NULL);

SELECT is(contact_status.is_mailable(status), mailable, format('is_mailable(%s)', status)) FROM helper.word;
SELECT is(contact_status.report_category(status)::text, category, format('report_category(%s)', status))
    FROM helper.word;
SELECT is(contact_status.color(status, vocabulary)::text, dot, format('color(%s, %s)', status, vocabulary))
FROM helper.word, unnest('{emailmanager,salesmanago,activecampaign,ecomail}'::text[]) AS vocabulary;

CREATE VIEW helper.own_word AS
SELECT vocabulary, status, cell FROM helper.word, LATERAL (VALUES
    ('emailmanager', emailmanager), ('salesmanago', salesmanago), ('activecampaign', activecampaign),
    ('ecomail', ecomail))
    AS words (vocabulary, cell);

-- A label is the whole cell or one of its two ways.
CREATE FUNCTION helper.is_word(label text, cell text) RETURNS boolean LANGUAGE sql AS $$
    SELECT label = replace(cell, '|', ' / ') OR label = ANY (string_to_array(cell, '|'))
$$;
SELECT ok(helper.is_word(contact_status.label(status, vocabulary), cell),
    format('label(%s, %s) is %s', status, vocabulary, replace(cell, '|', ' / ')))
FROM helper.own_word WHERE cell IS NOT NULL;

-- Without a word of its own: the nearest status's that is as restrictive.
SELECT ok(helper.is_word(contact_status.label(w.status, w.vocabulary), near.cell),
    format('label(%s, %s) is that of %s', w.status, w.vocabulary, near.status))
FROM (VALUES
    ('salesmanago', 'unresponsive'::contact_status.contact_status, 'unconfirmed'::contact_status.contact_status),
    ('activecampaign', 'unresponsive', 'unconfirmed'),
    ('ecomail', 'unresponsive', 'unconfirmed'),
    ('salesmanago', 'failing', 'hard_bounced'),
    ('activecampaign', 'failing', 'hard_bounced'),
    ('ecomail', 'failing', 'hard_bounced'),
    ('activecampaign', 'complained', 'unsubscribed'),
    ('activecampaign', 'deleted', 'unsubscribed'),
    ('ecomail', 'deleted', 'complained'),
    ('emailmanager', 'deleted', 'complained')) AS w (vocabulary, status, nearest)
JOIN helper.own_word AS near ON near.vocabulary = w.vocabulary AND near.status = w.nearest;
SELECT ok(EXISTS (
        SELECT FROM helper.own_word AS other
        WHERE other.vocabulary = w.vocabulary AND NOT contact_status.is_mailable(other.status)
        AND helper.is_word(contact_status.label(w.status, w.vocabulary), other.cell)),
    format('label(%s, %s) is the word of a status that is not mailable either', w.status, w.vocabulary))
FROM helper.own_word AS w WHERE cell IS NULL;

-- Reading back.
SELECT is(contact_status.from_label(word, vocabulary), status, format('from_label(%s, %s)', word, vocabulary))
FROM (VALUES
    ('emailmanager', '0 Ativo', 'active'::contact_status.contact_status),
    ('emailmanager', '1 Ativo com erros', 'soft_bounced'),
    ('emailmanager', '2 Com problemas', 'failing'),
    ('emailmanager', '3 Não responde', 'unresponsive'),
    ('emailmanager', '5 Solicitou Remoção', 'unsubscribed'),
    ('emailmanager', '7 Inexistente', 'hard_bounced'),
    ('salesmanago', 'opt-in', 'soft_bounced'),
    ('salesmanago', 'opt-out', 'unsubscribed'),
    ('ecomail', 'aktivní', 'active'),
    ('ecomail', 'aktivní (soft bounce)', 'soft_bounced'),
    ('ecomail', 'nepotvrzené', 'unconfirmed'),
    ('ecomail', 'odhlášené', 'unsubscribed'),
    ('ecomail', 'spam stížnosti', 'complained'),
    ('activecampaign', 'non confermato', 'unconfirmed'),
    ('activecampaign', 'iscritto', 'soft_bounced'),
    ('activecampaign', 'active', 'soft_bounced'),
    ('activecampaign', 'cancellato', 'unsubscribed'),
    ('activecampaign', 'unsubscribed', 'unsubscribed'),
    ('activecampaign', 'respinto', 'hard_bounced'),
    ('activecampaign', 'bounced', 'hard_bounced'),
    ('ecomail', 'odražené', 'hard_bounced'),
    ('ecomail', 'hard bounce', 'hard_bounced'),
    ('salesmanago', 'usunięty', 'deleted'),
    ('salesmanago', 'deleted', 'deleted')) AS known (vocabulary, word, status);
SELECT ok(contact_status.from_label(contact_status.label(status, vocabulary), vocabulary) >= status,
    format('the label of %s in %s reads back as nothing less restrictive', status, vocabulary))
FROM helper.own_word WHERE cell IS NOT NULL;
SELECT is(contact_status.is_mailable(contact_status.from_label(contact_status.label(status, vocabulary), vocabulary)),
    contact_status.is_mailable(status),
    format('the label of %s in %s reads back as mailable as it was', status, vocabulary))
FROM helper.own_word;

-- Unknown words.
SELECT is(verdict, '22023', description) FROM (VALUES
    ('SELECT contact_status.label(''active'', ''mailchimp'')', 'label: unknown vocabulary'),
    ('SELECT contact_status.color(''active'', ''mailchimp'')', 'color: unknown vocabulary'),
    ('SELECT contact_status.from_label(''opt-in'', ''mailchimp'')', 'from_label: unknown vocabulary'),
    ('SELECT contact_status.from_label(''opt-maybe'', ''salesmanago'')', 'from_label: unknown label'),
    ('SELECT contact_status.from_label(''opt-in'', ''ecomail'')', 'from_label: a label of another vocabulary'),
    ('SELECT contact_status.from_label('''', ''ecomail'')', 'from_label: no label')) AS wrong (statement, description),
    helper.refusal(statement);
SELECT ok(concat(said, ' ', hint) LIKE '%' || known || '%',
    format('an unknown vocabulary is answered with the known ones: %s', known))
FROM unnest('{salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS known,
    helper.refusal('SELECT contact_status.label(''active'', ''mailchimp'')');
SELECT ok(concat(said, ' ', hint) LIKE '%' || word || '%',
    format('an unknown label of %s is answered with the known ones: %s', vocabulary, word))
FROM (SELECT DISTINCT vocabulary, unnest(string_to_array(cell, '|')) AS word FROM helper.own_word) AS words,
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
    (contact_status.color(NULL, 'ecomail')::text, 'color without a status'),
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
AND p.proname IN ('is_mailable', 'report_category', 'color', 'label', 'from_label', 'normalize_address')
ORDER BY p.oid::regprocedure::text;

SELECT is(contact_status.is_mailable(NULL), NULL, 'of no status it is not known whether it is mailable');

SELECT * FROM finish();
ROLLBACK;
