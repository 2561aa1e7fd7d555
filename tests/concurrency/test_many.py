"""Many clients that delete and restore the same assets at once."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg

from dreamlake_assets.config import Settings
from tests.conftest import headers_of
from tests.support.api import Api, serving

CLIENTS = 8
REQUESTS = 15
ASSETS = 200


def test_they_do_not_block_each_other(
    settings: Settings, namespace: str, connection: psycopg.Connection
) -> None:
    """No request fails, and the revisions count the changes."""
    assert namespace
    settings = replace(settings, threads=CLIENTS)
    with serving(settings) as app, ThreadPoolExecutor(CLIENTS) as clients:
        api = Api(app.test_client(), headers_of(settings))
        items = [{"kind": "audio"}] * ASSETS
        body = {"namespace": namespace, "project": "robotics", "assets": items}
        registered = api.get("/assets/batch", method="POST", json=body).json["assets"]
        ids = [each["id"] for each in registered]

        def change(client: int) -> int:
            generator, own = random.Random(client), api.with_client_of_its_own()
            changed = 0
            for number in range(REQUESTS):
                verb = ("delete", "restore")[number % 2]
                response = own.change_many(verb, ids=generator.sample(ids, 150))
                assert response.status_code == 200, response.text
                changed += len(response.json["ids"])
            return changed

        changed = sum(clients.map(change, range(CLIENTS)))
    total = connection.execute("SELECT sum(revision - 1) FROM asset").fetchone()
    assert total == (changed,)
