# What the viewers of the tests share: real programs that query the database by the current link, as the guide's do.
import configparser
import json
import os
import time

import psycopg2

BEGAN = time.time()
FOLDER = "/usr/remote/software/www/html/cfg/"
# Longer than a switchover takes: a client that tries once more, then, finds the new primary.
RETRY_AFTER = "15"


def read(name):
    parser = configparser.RawConfigParser()
    with open(FOLDER + name) as file:
        parser.read_file(file)
    return dict(parser["database"])


def connect(way):
    return psycopg2.connect(
        host=way["host"],
        port=way["port"],
        dbname=way["database"],
        user=way["user"],
        password=way["password"],
        connect_timeout=way["connect_timeout"],
    )


def ask(connection):
    with connection.cursor() as cursor:
        cursor.execute("select host(inet_server_addr()), pg_is_in_recovery()")
        server, standby = cursor.fetchone()
    connection.rollback()
    return {"server": server, "standby": standby, "process": os.getpid(), "began": BEGAN}


def answer(start_response, query):
    try:
        found = query()
    except psycopg2.Error as error:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Retry-After", RETRY_AFTER)])
        return [str(error).encode()]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]
