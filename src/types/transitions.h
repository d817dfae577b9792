/*
 * transitions.h
 *		What the machine can do under a policy.
 */
#ifndef CONTACT_STATUS_TRANSITIONS_H
#define CONTACT_STATUS_TRANSITIONS_H

#include "types/policy.h"

/* Is there an event, or does time, make the one status of a subscription the other? */
extern bool cs_has_transition(CsPolicy policy, cs_status from, cs_status to);

#endif							/* CONTACT_STATUS_TRANSITIONS_H */
