/*
 * classify_reply.h
 *		The kind of event of a reply.
 */
#ifndef CONTACT_STATUS_CLASSIFY_REPLY_H
#define CONTACT_STATUS_CLASSIFY_REPLY_H

#include "fmgr.h"

/* The label of the kind of event of an SMTP reply, or NULL for a text without a verdict. */
extern const char *cs_kind_of_reply(text *reply);

#endif							/* CONTACT_STATUS_CLASSIFY_REPLY_H */
