# awk -f sql/update.awk sql/PART.sql... sql/update.sql: prints the last file, and in place of each line
# "\replace NAME..." in it the functions and procedures of these names, all of a name, from the files before it.

FILENAME != ARGV[ARGC - 1] {
    if (/^CREATE (FUNCTION|PROCEDURE) contact_status\./) {
        name = $3
        gsub(/^contact_status\.|\(.*/, "", name)
        sub(/^CREATE/, "CREATE OR REPLACE")
        if (name in functions)
            functions[name] = functions[name] "\n"
    }
    if (name == "")
        next
    functions[name] = functions[name] $0 "\n"
    # it ends with its comment
    if (/^COMMENT ON (FUNCTION|PROCEDURE) /)
        in_comment = 1
    if (in_comment && /';$/) {
        name = ""
        in_comment = 0
    }
    next
}

$1 == "\\replace" {
    for (i = 2; i <= NF; i++) {
        if (!($i in functions)) {
            print FILENAME ": there is no function " $i > "/dev/stderr"
            exit 1
        }
        printf "%s%s", (i > 2 ? "\n" : ""), functions[$i]
    }
    next
}

{ print }
