"""The ClientApp: it takes the messages of the server to the node whose clients they are for.

What it reads of the run's configuration: `overrides`, which choose the experiment as on the command line of `fedrec.main`, and `folder`.
What it reads of the node's own: `partition-id` and `num-partitions`, which say who it is, and `folder`, where it keeps what is private.
"""

import time
from functools import partial
from pathlib import Path

import torch
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from fedrec.flower.dealing import Deal, node_folder
from fedrec.flower.messages import CONFIG, METRICS, MODEL, UPLOAD, of_upload, to_model
from fedrec.flower.node import Node

app = ClientApp()


def open_node(context: Context) -> Node:
    """Return the node that the context describes. A new one that has not been dealt its share takes it, and leaves the rest."""
    number, n_nodes = int(context.node_config["partition-id"]), int(context.node_config["num-partitions"])
    folder = Path(str(context.node_config.get("folder", node_folder(Path(str(context.run_config["folder"])), number))))
    deal = Deal(str(context.run_config["overrides"]), n_nodes)
    torch.set_num_threads(deal.checked.config.threads or torch.get_num_threads())
    return Node.at(folder, deal.identity(number), deal.checked, partial(deal.share, number))


@app.query()
def register(message: Message, context: Context) -> Message:
    """Say who the node is and how many clients it has."""
    node, number = open_node(context), int(context.node_config["partition-id"])
    return Message(RecordDict({CONFIG: ConfigRecord({"node": number, "clients": node.n_clients})}), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Let the clients that the server asks for take part in the round."""
    started, asked = time.perf_counter(), message.content[CONFIG]
    node, clients = open_node(context), torch.tensor(asked["clients"])
    with torch.no_grad():
        upload, sums = node.train(asked["round"], clients, to_model(message.content[MODEL]), asked["safe-round"])
    content = RecordDict({UPLOAD: of_upload(upload, clients)})
    content[METRICS] = MetricRecord({**sums, "seconds": time.perf_counter() - started})
    return Message(content, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Measure the model that the users of the node would use now."""
    sums = open_node(context).evaluate(message.content[CONFIG]["round"], to_model(message.content[MODEL]))
    return Message(RecordDict({METRICS: MetricRecord(dict(sums))}), reply_to=message)
