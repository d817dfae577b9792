/*
 * writer.h
 *		Ends what tables.h's writing functions began.
 */
#ifndef CONTACT_STATUS_WRITER_H
#define CONTACT_STATUS_WRITER_H

#include "tables.h"

/* Fires the AFTER triggers that wait, and releases what writing took. */
extern void cs_end_writing(CsInstallation *in);

#endif							/* CONTACT_STATUS_WRITER_H */
