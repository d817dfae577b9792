/*
 * folded_contact.h
 *		A contact, its consents included, as a value of type folded_contact.
 */
#ifndef CONTACT_STATUS_FOLDED_CONTACT_H
#define CONTACT_STATUS_FOLDED_CONTACT_H

#include "types/fact_columns.h"

/* The value; statuses of subscriptions follow from the status of the address. */
extern Datum cs_folded_datum(const CsContactRow *facts, cs_status address, TupleDesc desc);

/* The facts in a value.  Memory of them is the current context's. */
extern void cs_facts_of_folded(CsContactRow *facts, Datum folded);

#endif							/* CONTACT_STATUS_FOLDED_CONTACT_H */
