"""A server and a client that train nothing: the launcher starts these processes, and their tests need no data."""

import time
from typing import Any

from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

MOST_ROUNDS = 1000
server = ServerApp()  # Flower reads the file, and wants a line for each
client = ClientApp()


@server.main()
def serve(grid: Any, context: Any) -> None:
    """Count rounds. The option `seed` says how many; the last one fails if it is odd."""
    config = context.run_config
    rounds = int(config["overrides"].partition("seed=")[2] or MOST_ROUNDS)
    while len(nodes := sorted(grid.get_node_ids())) < config["nodes"]:
        time.sleep(0.1)
    for number in range(rounds):
        messages = [Message(RecordDict({"asked": ConfigRecord({"round": number})}), node, "train") for node in nodes]
        replies = [reply for reply in grid.send_and_receive(messages, timeout=30) if not reply.has_error()]
        print(f"round {number}: partitions {sorted(reply.content['told']['partition'] for reply in replies)}", flush=True)
    if rounds % 2:
        raise RuntimeError("an odd number of rounds")


@client.train()
def train(message: Any, context: Any) -> Any:
    """Tell which partition the node has."""
    return Message(RecordDict({"told": MetricRecord({"partition": context.node_config["partition-id"]})}), reply_to=message)
