# The logbook: mod_python, with a session. Its configuration is read when the module is imported.
import json
import sys

sys.path.insert(0, "/usr/remote/software/products/common")
import psycopg2
from common import RETRY_AFTER, ask, connect, read
from mod_python import Session, apache

way = read("CONFIGURATION")


def handler(req):
    session = Session.Session(req)
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    try:
        connection = connect(way)
        try:
            found = ask(connection)
        finally:
            connection.close()
    except psycopg2.Error:
        req.status = 503
        req.headers_out["Retry-After"] = RETRY_AFTER
        req.content_type = "text/plain"
        req.write("no database")
        return apache.OK
    found["visits"] = session["visits"]
    req.content_type = "application/json"
    req.write(json.dumps(found))
    return apache.OK
