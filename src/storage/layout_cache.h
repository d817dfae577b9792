/*
 * layout_cache.h
 *		Layouts of tables, cached from call to call of a session.
 *
 * An entry is removed by the invalidation messages of the relation cache: any
 * change of the definition of a table sends one.  The server processes the
 * messages of a committed transaction when a lock is taken, and sends them
 * before the transaction releases its own locks.
 */
#ifndef CONTACT_STATUS_LAYOUT_CACHE_H
#define CONTACT_STATUS_LAYOUT_CACHE_H

#include "storage/installation.h"
#include "types/fact_columns.h"

typedef struct CsLayout
{
	Oid			relid;			/* InvalidOid: not known */
	bool		has_columns;	/* the members from here on are known */
	AttrNumber	columns[MAX_COLUMNS];
	AttrNumber	facts[FACT_COLUMNS];	/* of table contact */
	Oid			key;			/* index of cs_key(); InvalidOid: not known */
} CsLayout;

/* Returns the entry of a table by the schema of its installation.  An entry of another schema may be lost. */
extern CsLayout *cs_layout(Oid schema, CsTableId id);

/*
 * The number of messages for the tables policy, account and list, and of lost
 * entries of these tables, plus 1.  Settings are current while it is the same.
 */
extern uint64 cs_settings_state(void);

#endif							/* CONTACT_STATUS_LAYOUT_CACHE_H */
