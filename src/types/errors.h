/*
 * errors.h
 *		Names of the constraints that errors report.
 */
#ifndef CONTACT_STATUS_ERRORS_H
#define CONTACT_STATUS_ERRORS_H

/* docs/reference.md, section "Errors", has the situation and SQLSTATE of each. */
#define CONSTRAINT_DERIVED	"contact_status_derived"
#define CONSTRAINT_EVENT	"contact_status_event"
#define CONSTRAINT_OPT_OUT	"contact_status_opt_out"
#define CONSTRAINT_COMPLAINT	"contact_status_complaint"
#define CONSTRAINT_MAILABLE	"contact_status_mailable"
#define CONSTRAINT_ADDRESS	"contact_status_address"
#define CONSTRAINT_LIMIT	"contact_status_limit"
#define cs_errconstraint(name) err_generic_string(PG_DIAG_CONSTRAINT_NAME, name)

#endif							/* CONTACT_STATUS_ERRORS_H */
