-- Functions of the types, without tables.

-- not STRICT, so that the planner inlines it and can use an index; it returns null for null all the same
CREATE FUNCTION contact_status.is_mailable(status contact_status.contact_status) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN status IN ('active'::contact_status.contact_status, 'soft_bounced'::contact_status.contact_status);
COMMENT ON FUNCTION contact_status.is_mailable(contact_status.contact_status) IS
'whether a contact with this status may be mailed and counts as active';

CREATE FUNCTION contact_status.report_category(status contact_status.contact_status) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_report_category';
COMMENT ON FUNCTION contact_status.report_category(contact_status.contact_status) IS
'category in delivery reports: ok, temporary_error or permanent_error';

CREATE FUNCTION contact_status.color(status contact_status.contact_status) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_status_color';
COMMENT ON FUNCTION contact_status.color(contact_status.contact_status) IS
'colour of the dot that shows a status';

CREATE FUNCTION contact_status.color(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_color';
COMMENT ON FUNCTION contact_status.color(contact_status.contact_status, text) IS
'colour of the dot that shows the word of a vocabulary for a status; null if it has none';

CREATE FUNCTION contact_status.label(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_label';
COMMENT ON FUNCTION contact_status.label(contact_status.contact_status, text) IS
'word of a vocabulary for a status; null if it has none';

CREATE FUNCTION contact_status.from_label(label text, vocabulary text) RETURNS contact_status.contact_status
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_from_label';
COMMENT ON FUNCTION contact_status.from_label(text, text) IS
'status of a word or code of a vocabulary, read without regard to case, accents, blanks and dashes; of two statuses the plainer';

CREATE FUNCTION contact_status.report_label(category text, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_report_label';
COMMENT ON FUNCTION contact_status.report_label(text, text) IS
'word of the reports of a vendor for a report category; null if it has none';

CREATE FUNCTION contact_status.vocabulary_words(
    OUT vocabulary text, OUT status contact_status.contact_status, OUT code text, OUT word text, OUT spellings text
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_vocabulary_words';
COMMENT ON FUNCTION contact_status.vocabulary_words() IS
'words of all vocabularies, in the order in which they are read';

CREATE FUNCTION _contact_status.read_status(word text, vocabulary text) RETURNS contact_status.contact_status
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_read_status';
COMMENT ON FUNCTION _contact_status.read_status(text, text) IS
'status of a word in a vocabulary or as a label of the type; without a vocabulary, in each that has the word; null if there is none';

CREATE FUNCTION contact_status.normalize_address(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'cs_normalize_address';
COMMENT ON FUNCTION contact_status.normalize_address(text) IS
'e-mail address for comparison: without blanks, zero-width characters and byte order marks around it, ASCII letters in lower case';

CREATE FUNCTION _contact_status.trim_address(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_trim_address_of';
COMMENT ON FUNCTION _contact_status.trim_address(text) IS
'e-mail address without blanks, zero-width characters and byte order marks around it';

CREATE FUNCTION _contact_status.is_address(address text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_is_address_of';
COMMENT ON FUNCTION _contact_status.is_address(text) IS
'whether a text is an e-mail address, once it is trimmed; the rule of every entry for addresses';

CREATE FUNCTION _contact_status.check_address(address text, subject text) RETURNS void
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_check_address';
COMMENT ON FUNCTION _contact_status.check_address(text, text) IS
'raises an error for null and for a text that is no e-mail address; subject: the object that the message names';

