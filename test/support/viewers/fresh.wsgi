# Reads its configuration anew for each request, and connects for each.
import sys

sys.path.insert(0, "/usr/remote/software/products/common")
from common import answer, ask, connect, read


def query():
    connection = connect(read("CONFIGURATION"))
    try:
        return ask(connection)
    finally:
        connection.close()


def application(environ, start_response):
    return answer(start_response, query)
