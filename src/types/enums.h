/*
 * enums.h
 *		Between the machine's numbers and the OIDs of the SQL enums' labels.
 */
#ifndef CONTACT_STATUS_ENUMS_H
#define CONTACT_STATUS_ENUMS_H

#include "rules/rules.h"

/*
 * The enum type is named by its OID, taken from the column or argument at hand:
 * so a dropped and newly created extension is never met with old OIDs.
 * Raise XX000 where the type has no such label or value.
 */
extern cs_status cs_status_of_datum(Oid type, Datum value);
extern cs_kind cs_kind_of_datum(Oid type, Datum value);
extern Datum cs_status_datum(Oid type, cs_status status);
extern Datum cs_kind_datum(Oid type, cs_kind kind);

/* Is the type ours: of statuses, else of kinds? */
extern bool cs_is_enum(Oid type, bool statuses);

#endif							/* CONTACT_STATUS_ENUMS_H */
