/*
 * folded.h
 *		A contact, its consents included, as a value of type folded_contact.
 */
#ifndef CONTACT_STATUS_FOLDED_H
#define CONTACT_STATUS_FOLDED_H

#include "facts.h"

/* The value; statuses of subscriptions follow from the status of the address. */
extern Datum cs_folded_datum(const CsFacts *facts, cs_status address, TupleDesc desc);

/* The facts in a value.  Memory of them is the current context's. */
extern void cs_facts_of_folded(CsFacts *facts, Datum folded);

#endif							/* CONTACT_STATUS_FOLDED_H */
