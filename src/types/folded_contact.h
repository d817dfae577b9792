/*
 * folded_contact.h
 *		A contact with its consents, as a value of type folded_contact.
 */
#ifndef CONTACT_STATUS_FOLDED_CONTACT_H
#define CONTACT_STATUS_FOLDED_CONTACT_H

#include "types/fact_columns.h"

/*
 * Forms a value of type folded_contact, which `desc` describes.  The statuses
 * of its subscriptions follow from the consents and the address status.  Raises
 * XX000 if the number of columns differs.
 */
extern Datum cs_folded_datum(const CsContactRow *facts, cs_status address, TupleDesc desc);

/* Reads the facts and consents of a value.  They are allocated in the current context. */
extern void cs_facts_of_folded(CsContactRow *facts, Datum folded);

#endif							/* CONTACT_STATUS_FOLDED_CONTACT_H */
