/*
 * enums.h
 *		Conversion between C enums (rules.h) and the OIDs of SQL enum labels.
 */
#ifndef CONTACT_STATUS_ENUMS_H
#define CONTACT_STATUS_ENUMS_H

#include "rules/rules.h"

/*
 * The caller passes the OID of the enum type, taken from a column or an
 * argument.  So no OIDs of a dropped type are used after the extension is
 * created again.  Raise 42804 if the type lacks one of our labels, or if the
 * value is not one of them.
 */
extern cs_status cs_status_of_datum(Oid type, Datum value);
extern cs_kind cs_kind_of_datum(Oid type, Datum value);
extern Datum cs_status_datum(Oid type, cs_status status);
extern Datum cs_kind_datum(Oid type, cs_kind kind);

/*
 * Is it our enum of statuses, or else of kinds?  An enum of another schema is
 * not, even with the same labels.
 */
extern bool cs_is_enum(Oid type, bool statuses);

/*
 * Is it the type with this name in schema contact_status?  `known` is the OID
 * for which the answer was yes before.
 */
extern bool cs_is_own_type(Oid type, const char *name, Oid *known);

#endif							/* CONTACT_STATUS_ENUMS_H */
