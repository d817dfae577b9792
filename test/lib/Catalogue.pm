# What the system catalogues say of the extension's members, or of the tables of an installation, told so that it can be
# compared between databases: every column of every row, with names in place of object identifiers, and definitions in
# place of parsed expressions; so also what a later release of PostgreSQL adds.
package Catalogue;

use strict;
use warnings;
use Restore qw(psql);
use Exporter qw(import);

our @EXPORT_OK = qw(members tables differences);

# "object: property" => value, of the extension, its schema, its members and what belongs to them.
sub members {
    my ($where) = @_;
    return described($where, <<'SQL');
SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE extname = 'contact_status'
UNION SELECT 'pg_namespace'::regclass, 'contact_status'::regnamespace
UNION SELECT classid, objid FROM pg_depend
JOIN pg_extension e ON refclassid = 'pg_extension'::regclass AND refobjid = e.oid
 WHERE extname = 'contact_status' AND deptype = 'e'
SQL
}

# The same of a schema's tables and views.
sub tables {
    my ($where, $schema) = @_;
    return described($where, <<"SQL");
SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_namespace'::regclass AND refobjid = '$schema'::regnamespace AND deptype = 'n'
SQL
}

# The properties that two of them do not share, by name, with the values of each.
sub differences {
    my ($one, $other) = @_;
    my %all = (%$one, %$other);
    my @different = grep { ($one->{$_} // "\0") ne ($other->{$_} // "\0") } sort keys %all;
    return map { sprintf '%s: %s, not %s', $_, $one->{$_} // 'missing', $other->{$_} // 'missing' } @different;
}

sub described {
    my ($where, $roots) = @_;
    my %properties;
    for my $line (split /\n/, psql($where, <<"SQL")) {
SET search_path = pg_catalog;
CREATE TEMPORARY TABLE object AS
WITH RECURSIVE o (classid, objid) AS (
    $roots
    UNION   -- what goes with them: row types, indexes, constraints, triggers, rules, sequences
    SELECT d.classid, d.objid FROM o
    JOIN pg_depend d ON (d.refclassid, d.refobjid) = (o.classid, o.objid) AND d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name FROM o
 WHERE pg_describe_object(classid, objid, 0) !~ 'pg_toast';

-- (object, property, value) of the rows of a catalogue, where key holds the object that a row tells of
CREATE FUNCTION pg_temp.rows_of(catalog regclass, key name, class regclass, label text)
    RETURNS TABLE (name text, property text, value text)
    LANGUAGE plpgsql AS \$\$
DECLARE
    names text[];
    vals text[];
BEGIN
    SELECT array_agg(a.attname ORDER BY a.attnum),
           array_agg(CASE
               WHEN f.is_array THEN format('(SELECT array_agg(pg_describe_object(%L::regclass, x, 0) ORDER BY n)::text
                   FROM unnest(r.%I::oid[]) WITH ORDINALITY u (x, n))', f.pktable, a.attname)
               WHEN f.is_array IS NOT NULL THEN format('pg_describe_object(%L::regclass, r.%I::oid, 0)', f.pktable,
                   a.attname)
               -- where users may have columns of their own, numbers say nothing
               WHEN a.attname = 'attnum' THEN
                   'CASE WHEN EXISTS (SELECT FROM pg_class WHERE oid = r.attrelid AND relkind = ''c'')
                       THEN r.attnum END::text'
               -- and a version that the server may stamp on each column
               WHEN a.attname = 'attoptions'
                   THEN 'ARRAY(SELECT x FROM unnest(r.attoptions) x WHERE x !~ ''^pg_attver='')::text'
               ELSE format('r.%I::text', a.attname) END ORDER BY a.attnum)
      INTO names, vals
      FROM pg_attribute a
      LEFT JOIN pg_get_catalog_foreign_keys() f ON f.fktable = a.attrelid AND f.fkcols = ARRAY[a.attname::text]
          AND f.pkcols = '{oid}'
     WHERE a.attrelid = catalog AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'pg_node_tree'::regtype
       -- identifiers and numbers of columns, for which definitions stand; what VACUUM and ANALYZE write; and how old
       -- rows have a column that was added
       AND a.attname <> ALL ('{atthasmissing,attmissingval,indcheckxmin,oid,adnum,indkey,conkey,confkey,tgattr,refobjid,
               relfilenode,reltoastrelid,relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}');
    RETURN QUERY EXECUTE format('SELECT o.name || %s, p.property, p.value FROM %s r
            JOIN pg_temp.object o ON o.objid = r.%I AND o.classid = %L::regclass
            CROSS JOIN LATERAL unnest(%L::text[], ARRAY[%s]) p (property, value)',
        label, catalog, key, class, names, array_to_string(vals, ', '));
END \$\$;

CREATE TEMPORARY TABLE told (name text, property text, value text);
INSERT INTO told SELECT r.*
    FROM (SELECT DISTINCT classid FROM object) c, pg_temp.rows_of(classid, 'oid', classid, '''''') r;
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_attribute', 'attrelid', 'pg_class', \$\$' column ' || r.attname\$\$)
    WHERE name !~ ' (ctid|xmin|xmax|cmin|cmax|tableoid)\$' ;
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_enum', 'enumtypid', 'pg_type', \$\$' label ' || r.enumlabel\$\$);
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_aggregate', 'aggfnoid', 'pg_proc', '''''');
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_index', 'indexrelid', 'pg_class', '''''');
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_sequence', 'seqrelid', 'pg_class', '''''');
INSERT INTO told SELECT * FROM pg_temp.rows_of('pg_partitioned_table', 'partrelid', 'pg_class', '''''');
INSERT INTO told
SELECT name, 'definition', CASE classid
           WHEN 'pg_class'::regclass THEN (
               SELECT CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid)
                           WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(oid)
                           WHEN relispartition THEN pg_get_expr(relpartbound, oid)
                           ELSE pg_get_partkeydef(oid) END
               FROM pg_class WHERE oid = objid)
           WHEN 'pg_proc'::regclass THEN (SELECT CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END FROM pg_proc
               WHERE oid = objid)
           WHEN 'pg_constraint'::regclass THEN pg_get_constraintdef(objid)
           WHEN 'pg_trigger'::regclass THEN pg_get_triggerdef(objid)
           WHEN 'pg_rewrite'::regclass THEN pg_get_ruledef(objid)
           WHEN 'pg_attrdef'::regclass THEN (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = objid)
           WHEN 'pg_type'::regclass THEN (SELECT pg_get_expr(typdefaultbin, 0) FROM pg_type WHERE oid = objid) END
  FROM object
UNION ALL
SELECT pg_describe_object(classoid, d.objoid, objsubid), 'comment', description FROM pg_description d
JOIN object o ON (o.classid, o.objid) = (classoid, d.objoid)
UNION ALL
SELECT pg_describe_object(classoid, i.objoid, objsubid), 'initial privileges', initprivs::text FROM pg_init_privs i
JOIN object o ON (o.classid, o.objid) = (classoid, i.objoid)
UNION ALL
SELECT o.name, 'depends on ' || pg_describe_object(refclassid, refobjid, 0),
    string_agg(d.deptype::text, ' ' ORDER BY d.deptype)
  FROM pg_depend d JOIN object o USING (classid, objid) GROUP BY o.name, refclassid, refobjid
UNION ALL
SELECT o.name, 'depends on ' || pg_describe_object(refclassid, refobjid, 0),
    string_agg(d.deptype::text, ' ' ORDER BY d.deptype)
  FROM pg_shdepend d JOIN object o USING (classid, objid)
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY o.name, refclassid, refobjid;
COPY (SELECT name, property, coalesce(value, 'null') FROM told ORDER BY 1, 2, 3) TO STDOUT;
SQL
        my ($name, $property, $value) = split /\t/, $line, 3;
        next if !defined $value;
        $_ = defined $_ ? "$_ | $value" : $value for $properties{"$name: $property"};
    }
    return \%properties;
}

1;
