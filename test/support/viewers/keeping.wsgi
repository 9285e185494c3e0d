# Reads its configuration once, at its start, and keeps one connection: what makes a touch necessary.
import sys
import threading

sys.path.insert(0, "/usr/remote/software/products/common")
from common import answer, ask, connect, read

import psycopg2

way = read("CONFIGURATION")
lock = threading.Lock()
kept = None


def query():
    global kept
    with lock:
        if kept is not None:
            try:
                return ask(kept)
            except psycopg2.Error:
                kept = None
        kept = connect(way)
        return ask(kept)


def application(environ, start_response):
    return answer(start_response, query)
