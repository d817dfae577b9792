/*
 * successors.h
 *		A contact that has the address of another by now.
 */
#ifndef CONTACT_STATUS_SUCCESSORS_H
#define CONTACT_STATUS_SUCCESSORS_H

#include "contacts.h"

/*
 * Record of a contact what is suppressed of its address and was not told.  If a
 * digest is given, then only if the contact, once it is locked, has that address.
 */
extern void cs_tell_contact(CsInstallation *in, CsVisits *visits, int64 account, int64 contact, const bytea *expected);

/* Tell whoever has the addresses of the installation's list told by now; called when it is closed. */
extern void cs_tell_successors(CsInstallation *in);

#endif							/* CONTACT_STATUS_SUCCESSORS_H */
