/*
 * facts.h
 *		Access to the consents of a contact, for the rules.
 */
#ifndef CONTACT_STATUS_FACTS_H
#define CONTACT_STATUS_FACTS_H

#include "rules/rules.h"

/*
 * Returns the index of a list in the consents, which are sorted by list.
 * Without a consent on the list, returns the index at which to insert it.
 */
extern int	cs_consent_position(const cs_facts *facts, int64_t list);

/* Inserts a consent at an index and returns it.  The caller sets its status and time. */
extern cs_consent *cs_insert_consent(cs_facts *facts, int position, int64_t list);

#endif							/* CONTACT_STATUS_FACTS_H */
