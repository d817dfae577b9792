/*
 * transitions.h
 *		The transitions of status that a policy allows.
 */
#ifndef CONTACT_STATUS_TRANSITIONS_H
#define CONTACT_STATUS_TRANSITIONS_H

#include "types/policy.h"

/*
 * Can an event, or time, change a subscription from one status to the other?
 * The result is cached in the session for the last policy.
 */
extern bool cs_has_transition(CsPolicy policy, cs_status from, cs_status to);

#endif							/* CONTACT_STATUS_TRANSITIONS_H */
