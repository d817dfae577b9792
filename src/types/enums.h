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
 * Does the type have the labels of statuses, or else of kinds?  Returns false
 * for a type that is not an enum.  Raises 42804 for an enum that lacks one of
 * the labels.
 */
extern bool cs_is_enum(Oid type, bool statuses);

#endif							/* CONTACT_STATUS_ENUMS_H */
