/*
 * compat.h
 *		Differences between the supported versions of PostgreSQL, 15 to 18.
 */
#ifndef CONTACT_STATUS_COMPAT_H
#define CONTACT_STATUS_COMPAT_H

#include "access/genam.h"
#include "access/tableam.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "storage/proc.h"
#include "utils/relcache.h"
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#include "varatt.h"
#endif

/* 18: pg_noreturn is defined, and comes first in a declaration */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 18: index_beginscan() has an argument for instrumentation */
#if PG_VERSION_NUM >= 180000
#define cs_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define cs_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* 17: the local transaction id is a member of PGPROC.vxid */
#if PG_VERSION_NUM >= 170000
#define cs_local_transaction() (MyProc->vxid.lxid)
#else
#define cs_local_transaction() (MyProc->lxid)
#endif

/* 18: an argument chooses whether a deferrable primary key is returned */
#if PG_VERSION_NUM >= 180000
#define cs_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel, false)
#else
#define cs_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* 16: an update returns whether only summarizing indexes need an entry */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes cs_update_indexes;
#define cs_needs_index_entries(update_indexes) ((update_indexes) != TU_None)
#define cs_insert_index_entries(rri, slot, estate, update, update_indexes) \
	ExecInsertIndexTuples(rri, slot, estate, update, false, NULL, NIL, \
						  (update_indexes) == TU_Summarizing)
#else
typedef bool cs_update_indexes;
#define cs_needs_index_entries(update_indexes) (update_indexes)
#define cs_insert_index_entries(rri, slot, estate, update, update_indexes) \
	ExecInsertIndexTuples(rri, slot, estate, update, false, NULL, NIL)
#endif

/* 16: row triggers also return a TM_Result; 18: an argument marks a MERGE */
#if PG_VERSION_NUM >= 180000
#define cs_before_update(estate, epq, rri, tid, slot) \
	ExecBRUpdateTriggers(estate, epq, rri, tid, NULL, slot, NULL, NULL, false)
#define cs_before_delete(estate, epq, rri, tid) \
	ExecBRDeleteTriggers(estate, epq, rri, tid, NULL, NULL, NULL, NULL, false)
#elif PG_VERSION_NUM >= 160000
#define cs_before_update(estate, epq, rri, tid, slot) \
	ExecBRUpdateTriggers(estate, epq, rri, tid, NULL, slot, NULL, NULL)
#define cs_before_delete(estate, epq, rri, tid) \
	ExecBRDeleteTriggers(estate, epq, rri, tid, NULL, NULL, NULL, NULL)
#else
#define cs_before_update(estate, epq, rri, tid, slot) \
	ExecBRUpdateTriggers(estate, epq, rri, tid, NULL, slot, NULL)
#define cs_before_delete(estate, epq, rri, tid) \
	ExecBRDeleteTriggers(estate, epq, rri, tid, NULL, NULL)
#endif

/* 16: the written columns are in RTEPermissionInfo; 18: the unpruned relations are an argument */
static inline void
cs_init_range_table(EState *estate, RangeTblEntry *rte, Bitmapset *columns)
{
#if PG_VERSION_NUM >= 160000
	List	   *permissions = NIL;
	RTEPermissionInfo *permission = addRTEPermissionInfo(&permissions, rte);

	permission->insertedCols = columns;
	permission->updatedCols = columns;
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(rte), permissions, bms_make_singleton(1));
#else
	ExecInitRangeTable(estate, list_make1(rte), permissions);
#endif
#else
	rte->insertedCols = columns;
	rte->updatedCols = columns;
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

#endif							/* CONTACT_STATUS_COMPAT_H */
