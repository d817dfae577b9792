/*
 * facts.h
 *		Access to the consents of a contact, for the rules.
 */
#ifndef CONTACT_STATUS_FACTS_H
#define CONTACT_STATUS_FACTS_H

#include "rules/rules.h"

/* The place of a list in the consents, which are sorted by list. */
extern int	cs_consent_position(const cs_facts *facts, int64_t list);

/* Inserts a consent at a place; its status and time are to be set. */
extern cs_consent *cs_insert_consent(cs_facts *facts, int position, int64_t list);

#endif							/* CONTACT_STATUS_FACTS_H */
