"""Runs SQL from standard input on the database that the argument names, with Python's sqlite3 module.

A line is a statement, whose rows are printed as `a|b|c`, or one of three commands of the `sqlite3` shell:
`.print TEXT`, `.backup FILE`, `.timeout MILLISECONDS`. The first error ends it, with exit code 1.
"""

import sqlite3
import sys


def main(path):
    connection = sqlite3.connect(path, isolation_level=None)
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        if command == ".print":
            print(rest)
        elif command == ".timeout":
            connection.execute(f"PRAGMA busy_timeout = {int(rest)}")
        elif command == ".backup":
            copy = sqlite3.connect(rest)
            connection.backup(copy)
            copy.close()
        else:
            for row in connection.execute(line):
                print("|".join("" if value is None else str(value) for value in row))
        sys.stdout.flush()
    connection.close()


try:
    main(sys.argv[1])
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
