-- Pure functions over the types.

-- not STRICT, so that it is inlined and an index can serve it; of null it is null all the same
CREATE FUNCTION contact_status.is_mailable(status contact_status.contact_status) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN status IN ('active'::contact_status.contact_status, 'soft_bounced'::contact_status.contact_status);
COMMENT ON FUNCTION contact_status.is_mailable(contact_status.contact_status) IS
'may a contact of this status be mailed, and does it count as active';

CREATE FUNCTION contact_status.report_category(status contact_status.contact_status) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_report_category';
COMMENT ON FUNCTION contact_status.report_category(contact_status.contact_status) IS
'category in delivery reports: ok, temporary_error or permanent_error';

CREATE FUNCTION contact_status.color(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_color';
COMMENT ON FUNCTION contact_status.color(contact_status.contact_status, text) IS
'colour of the dot that shows the status';

CREATE FUNCTION contact_status.label(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_label';
COMMENT ON FUNCTION contact_status.label(contact_status.contact_status, text) IS
'the word for the status in salesmanago, activecampaign, ecomail or emailmanager';

CREATE FUNCTION contact_status.from_label(label text, vocabulary text) RETURNS contact_status.contact_status
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_from_label';
COMMENT ON FUNCTION contact_status.from_label(text, text) IS
'the status that a word of a vocabulary means; of two the more restrictive';

CREATE FUNCTION contact_status.normalize_address(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_normalize_address';
COMMENT ON FUNCTION contact_status.normalize_address(text) IS
'an e-mail address as it is compared: blanks around it off, ASCII letters in lower case, nothing else';
