# contact_status: an extension of PostgreSQL 15 to 18, built by PGXS.
#
#   make, make install        builds and installs it for the PostgreSQL that PG_CONFIG names
#   make test                 installs what is missing on a Debian, builds, and runs the whole test suite
#   make test TEST=name       only the tests whose file names contain the name
#   make installcheck         pgTAP and isolation tests of the installed extension, on the server that PGHOST, PGPORT and
#                             PGUSER name; builds and installs nothing; TEST=name as above
#   make webhooks FILE=file   reads the payloads of a file and compares the events with those of the file; see script/webhooks
#   make bench-webhooks       what record_webhook costs
#   make classify FILE=file   classifies the replies of a file and compares the verdicts with those of the file; see docs/replies.md
#   make fuzz                 libFuzzer on the rules, the replies and the parsers, FUZZ_SECONDS each (an hour)
#   make sqlsmith             random queries on a database with the extension, SQLSMITH_SECONDS (an hour)
#   make soak                 crashes, races, faults, calls by the million, and the two above for less long; a table of what was lost
#   make valgrind             the pgTAP tests on a server under valgrind
#   make test-assert          the tests on a PostgreSQL built with assertions; see script/assert
#   make test-versions        the whole suite on PostgreSQL 15, 17, 18 and on 32 bits, as root; see script/versions
#   make bench                what events cost, beside the least that could be done; SHORT=1 takes minutes; see bench/README.md
#   make bench-growth         the same with more and more contacts
#   make bench-instructions   instructions and WAL of eleven statements, compared with bench/instructions.txt; WRITE=1 replaces that file
#   make bench-counts         what exact counts cost
#   make bench-feed           what the change feed costs
#   make dist                 contact_status-VERSION.zip of the last commit, for PGXN
#   make deb                  Debian packages of the last commit; see script/deb
#   make newsletter           runs the application examples/newsletter on a throw-away server
#   make newsletter-test      runs through it, in a browser where there is one
#   make newsletter-load      sends a campaign to CONTACTS contacts (100000)
#   make demo                 shows one story under four policies; FILES=folder plays your own files

EXTENSION = contact_status
EXTVERSION = 1.0.0

MODULE_big = contact_status
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The install script, built from its parts in this order.  A release commits it and lists it in DATA.
INSTALL_SQL = sql/contact_status--$(EXTVERSION).sql
DATA_built = $(INSTALL_SQL)
SQL_PARTS = types functions replies webhooks policies fold triggers tables views comments table_triggers create_tables partitions horizon tenants maintenance verify suppress merge_contacts former_contact record_event record_webhook mapping forward_contacts forward follow_status retry_unmatched adopt leave retract_events erase_contact import change_feed reports bounce_reasons own_policies

EXTRA_CLEAN = test/unit/unit test/unit/classify
PG_CFLAGS = -std=gnu11
PG_CPPFLAGS = -I$(srcdir)/src
NO_INSTALLCHECK = yes

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
else
all install:
	@echo "$(PG_CONFIG) shows no PGXS: install the development package of the server, or name its pg_config by PG_CONFIG=" >&2; exit 1
endif

$(INSTALL_SQL): $(SQL_PARTS:%=sql/%.sql)
	printf '%s\n' '\echo Use "CREATE EXTENSION contact_status" to load this file. \quit' > $@
	for file in $^; do echo; cat $$file; done >> $@

$(OBJS): $(wildcard src/*.h src/*/*.h)

# The rules and the replies know no PostgreSQL and are tested alone.
ALONE = $(CC) -std=gnu11 -Wall -Wextra -Werror -g -O1 -Isrc
SANITIZED = -fsanitize=address,undefined -fno-sanitize-recover
.PHONY: unit classify
unit:
	$(ALONE) $(SANITIZED) -o test/unit/unit test/unit/unit.c test/unit/replies.c $(wildcard src/rules/*.c src/replies/*.c)
	test/unit/unit
classify:
	$(ALONE) -O2 -o test/unit/classify test/unit/classify.c $(wildcard src/replies/*.c)
	test/unit/classify $(FILE)

# These set the machine up, so they choose the PostgreSQL anew once that is done.
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
.PHONY: dist deb setup build-and-install test installcheck demo bench bench-growth bench-instructions bench-counts bench-feed bench-webhooks webhooks test-versions test-assert soak valgrind fuzz sqlsmith newsletter newsletter-test newsletter-load
setup:
	script/setup
build-and-install: setup
	PG_CONFIG=$$(script/pg_config) && $(MAKE) -s PG_CONFIG=$$PG_CONFIG all && \
		$(SUDO) $(MAKE) -s PG_CONFIG=$$PG_CONFIG install >/dev/null
test: build-and-install
	PG_CONFIG=$$(script/pg_config) script/test $(TEST)
installcheck:
	@PG_CONFIG=$(PG_CONFIG) RUNNING_SERVER=yes script/test $(or $(TEST),test/pgtap/ test/isolation/)
test-assert: setup
	script/assert $(TEST)
test-versions:
	script/versions $(SUITES)
soak: build-and-install
	PG_CONFIG=$$(script/pg_config) script/soak $(TEST)
valgrind: build-and-install
	PG_CONFIG=$$(script/pg_config) script/valgrind $(TEST)
fuzz: setup
	PG_CONFIG=$$(script/pg_config) test/fuzz/run
sqlsmith: build-and-install
	PG_CONFIG=$$(script/pg_config) perl test/soak/sqlsmith.pl
demo: build-and-install
	PG_CONFIG=$$(script/pg_config) script/demo $(FILES)
# No checkpoint and no autovacuum but the benchmark's own falls into a run.
BENCH_SETTINGS = shared_buffers=2GB max_wal_size=16GB checkpoint_timeout=1d autovacuum=off jit=off
# As users run a server.
DURABLE_SETTINGS = fsync=on synchronous_commit=on full_page_writes=on autovacuum=on shared_buffers=1GB max_wal_size=4GB wal_level=replica
bench bench-growth: export SERVER_SETTINGS = $(BENCH_SETTINGS)
bench: build-and-install
	PG_CONFIG=$$(script/pg_config) script/server bench/bench.pl
	PG_CONFIG=$$(script/pg_config) SERVER_SETTINGS='$(DURABLE_SETTINGS)' script/server bench/bench.pl durable
bench-growth: build-and-install
	PG_CONFIG=$$(script/pg_config) script/server bench/bench.pl growth $(STEPS)
bench-instructions: build-and-install
	PG_CONFIG=$$(script/pg_config) perl bench/instructions.pl
bench-webhooks: export SERVER_SETTINGS = $(BENCH_SETTINGS)
bench-webhooks: build-and-install
	PG_CONFIG=$$(script/pg_config) script/server psql -X -f bench/webhooks.sql
webhooks: build-and-install
	PG_CONFIG=$$(script/pg_config) script/webhooks $(FILE)
dist:
	git archive --format zip --prefix=contact_status-$(EXTVERSION)/ -o contact_status-$(EXTVERSION).zip HEAD
deb:
	script/deb
bench-counts: build-and-install
	PG_CONFIG=$$(script/pg_config) SERVER_SETTINGS='shared_buffers=512MB' script/server bench/counts.pl
bench-feed: build-and-install
	PG_CONFIG=$$(script/pg_config) SERVER_SETTINGS='shared_buffers=512MB' script/server bench/feed.pl
newsletter: build-and-install
	PG_CONFIG=$$(script/pg_config) PORT=$${PORT:-8080} ADMIN_PORT=$${ADMIN_PORT:-8081} WORLD_PORT=$${WORLD_PORT:-8082} \
		script/newsletter
newsletter-test: build-and-install
	PG_CONFIG=$$(script/pg_config) script/newsletter test/scenario.js
newsletter-load: build-and-install
	PG_CONFIG=$$(script/pg_config) CONTACTS='$(CONTACTS)' script/newsletter world/load.js
