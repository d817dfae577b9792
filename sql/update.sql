\echo Use "ALTER EXTENSION contact_status UPDATE" to load this file. \quit

-- From the version released last to the one in work: what ALTER EXTENSION has to do so that the catalogue is that of a
-- fresh install, which test/t/update.t checks. A line "\replace NAME..." stands for the functions of these names as the
-- install script has them, with their comments; everything else (a type's new attribute, a function that goes) is
-- written here. What tables that exist need is for contact_status.upgrade_tables.

\replace suppressed_contacts tell_contacts verify repair
\replace take_turn begin_attempt lock_contacts check_suppression suppress_once may_attempt_again suppress
\replace import_batch import_contacts retract_events undo_retraction
