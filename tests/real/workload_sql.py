# SPDX-License-Identifier: Apache-2.0
"""The script for the SQLite shell: inserts, queries, an index built by several threads."""

import random

SETUP = """
PRAGMA threads = %d;
PRAGMA cache_size = 10;
PRAGMA temp_store = FILE;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, grp INTEGER, price REAL);
CREATE TABLE sale (id INTEGER PRIMARY KEY, item INTEGER, amount INTEGER, note TEXT);
"""
QUERIES = """
SELECT grp, count(*), round(sum(price), 2) FROM item GROUP BY grp ORDER BY grp LIMIT 5;
SELECT i.name, sum(s.amount) FROM item i JOIN sale s ON s.item = i.id
  WHERE i.grp = %d GROUP BY i.name ORDER BY 2 DESC, 1 LIMIT 3;
SELECT count(*) FROM item WHERE name LIKE '%%a%d%%' AND price BETWEEN 10 AND %d;
UPDATE sale SET amount = amount + 1 WHERE item %% 17 = %d;
SELECT max(length(note)), upper(substr(min(note), 1, 9)) FROM sale WHERE amount > %d;
"""


def script(rows, queries, threads=3):
    """`rows` inserts into each of two tables and `queries` rounds of queries; `threads` help to sort."""
    rng = random.Random(7)
    out = [SETUP % threads, "BEGIN;"]
    for i in range(rows):
        out.append(
            "INSERT INTO item VALUES (%d, 'name%d a%d', %d, %.2f);"
            % (i, i * 7919 % 1009, rng.randrange(100), i % 23, rng.random() * 500)
        )
        out.append(
            "INSERT INTO sale(item, amount, note) VALUES (%d, %d, printf('%%0*d', %d, %d));"
            % (rng.randrange(rows), rng.randrange(50), rng.randrange(5, 600), i)
        )
    out.append("COMMIT;")
    out.append("CREATE INDEX sale_note ON sale(note, item);")
    for i in range(queries):
        out.append(QUERIES % (i % 23, i % 10, 100 + i, i % 17, i % 50))
    out.append("SELECT count(*), sum(amount) FROM sale;")
    return "\n".join(out) + "\n"
