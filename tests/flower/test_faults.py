"""Nodes that die, are slow or send nonsense cost the uploads of their clients; the round goes on, is counted and told."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]'")

from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MessageType, MetricRecord

from fedrec.flower.messages import METRICS, UPLOAD, of_model
from fedrec.flower.server_app import GLOBAL_MODEL
from fedrec.flower.strategy import RobustStrategy
from tests.flower.nodes_in_one_process import NodesInOneProcess, is_training

SMALL = "dataset=synthetic dataset.users=30 dataset.items=40 dataset.interactions=300 tracking=none system.clients_per_round=64 seed=3"


def with_array(name, change):
    """Return what changes an array of the upload of node 2."""

    def spoil(message, reply):
        if is_training(message) and message.metadata.dst_node_id == 2:
            arrays = dict(reply.content[UPLOAD].items())
            arrays[name] = Array(change(arrays[name].numpy().copy()))
            reply.content[UPLOAD] = ArrayRecord(array_dict=arrays)
        return reply

    return spoil


def without_reply(message, reply):
    return None if is_training(message) and message.metadata.dst_node_id == 2 else reply


def with_error(message, reply):
    return Message(Error(1, "out of memory\nat line 3"), reply_to=message) if without_reply(message, reply) is None else reply


def without_upload(message, reply):
    if without_reply(message, reply) is None:
        del reply.content[UPLOAD]
    return reply


def with_bytes(message, reply):
    if without_reply(message, reply) is None:
        reply.content[UPLOAD]["rows"] = Array(dtype="float32", shape=(1,), stype="numpy.ndarray", data=b"no array")
    return reply


def filled(array, value):
    array[...] = value
    return array


BAD = {
    "too narrow": (with_array("rows", lambda rows: rows[:, 1:]), "rows is float32"),
    "another type": (with_array("rows", lambda rows: rows.astype(np.float64)), "rows is float64"),
    "too few rows": (with_array("rows", lambda rows: rows[1:]), "rows is float32"),
    "items that do not exist": (with_array("items", lambda items: items + 40), "items names items that do not exist: there are 0 to 39"),
    "negative items": (with_array("items", lambda items: -items - 1), "items names items that do not exist"),
    "senders that were not asked": (with_array("senders", lambda senders: senders + 1000), "senders names senders that do not exist"),
    "an item twice": (with_array("items", lambda items: filled(items, 7)), "a client sends several rows for an item"),
    "a single number": (with_array("items", lambda items: items[:1].reshape(())), "items is int32 []"),
    "bytes that are no array": (with_bytes, "an array cannot be read"),
    "no upload": (without_upload, "it has no upload"),
}


def federation(folder, n_nodes=3, extra="", **others):
    return NodesInOneProcess(folder, f"{SMALL} {extra}", n_nodes, **others)


def one_round(grid, extra=""):
    """Return the global model before and after one round, and what the strategy tells of it."""
    strategy = RobustStrategy.of(f"{SMALL} {extra}", n_nodes=grid.n_nodes, timeout=5.0)
    _, model = strategy.model.initialise(1, 40, torch.Generator().manual_seed(0))
    messages = strategy.configure_train(1, of_model(model), ConfigRecord(), grid)
    arrays, metrics = strategy.aggregate_train(1, grid.send_and_receive(messages, timeout=5.0))
    return of_model(model), arrays, dict(metrics)


def same(one, other):
    return all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)


@pytest.mark.parametrize(("spoil", "why"), BAD.values(), ids=BAD)
def test_a_reply_that_no_client_can_send_is_refused(spoil, why, tmp_path, caplog):
    before, refused, metrics = one_round(federation(tmp_path / "bad", spoil=spoil))
    assert "round 1: the reply of node 1 is refused: " in caplog.text and why in caplog.text
    assert metrics["replies-refused"] == 1 and metrics["replies-failed"] == 0 and metrics["clients-silent"] == 10
    _, absent, _ = one_round(federation(tmp_path / "absent", spoil=without_reply))
    assert same(refused, absent) and not same(refused, before)


@pytest.mark.parametrize(
    ("spoil", "told"), [(without_reply, "no reply in time from the nodes 1"), (with_error, "node 1 has failed: out of memory at")]
)
def test_a_node_that_fails_or_is_slow_is_counted(spoil, told, tmp_path, caplog):
    before, after, metrics = one_round(federation(tmp_path, spoil=spoil))
    assert f"round 1: {told}" in caplog.text
    assert metrics["replies-failed"] == 1 and metrics["clients"] == 30 and metrics["clients-silent"] == 10
    assert not same(before, after)


@pytest.mark.parametrize("defense", ["none", "median", "ours"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_dropped(defense, value, tmp_path):
    spoil = with_array("rows", lambda rows: filled(rows, value))
    options = f"defense={defense} {'defense.N=10' * (defense == 'ours')}"
    _, spoiled, metrics = one_round(federation(tmp_path / "nan", extra=options, spoil=spoil), options)
    assert metrics["dropped-uploads"] > 0 and metrics["replies-refused"] == 0
    _, absent, _ = one_round(federation(tmp_path / "absent", extra=options, spoil=without_reply), options)
    assert all(np.allclose(spoiled[name].numpy(), absent[name].numpy(), rtol=0, atol=1e-6) for name in absent)


def test_a_node_that_is_away_costs_its_clients_and_comes_back_as_itself(tmp_path, caplog):
    grid = federation(tmp_path)
    strategy = RobustStrategy.of(SMALL, n_nodes=3, timeout=5.0)
    _, model = strategy.model.initialise(1, 40, torch.Generator().manual_seed(0))
    arrays = of_model(model)
    strategy.begin(grid, 40)
    grid.away = {2}
    for number, missing in ((1, 1), (2, 1), (3, 0)):
        if number == 3:
            grid.away = set()
        replies = grid.send_and_receive(strategy.configure_train(number, arrays, ConfigRecord(), grid))
        arrays, metrics = strategy.aggregate_train(number, replies)
        assert (f"round {number}: nodes that are away: 1" in caplog.text) == bool(missing)
        assert metrics["nodes-missing"] == missing and metrics["clients-silent"] == 10 * missing


def test_nobody_takes_the_place_of_a_node_that_is_there(tmp_path, caplog):
    grid = federation(tmp_path)
    strategy = RobustStrategy.of(SMALL, n_nodes=3, timeout=5.0)
    strategy.begin(grid, 40)
    grid.get_node_ids = lambda: [1, 2, 3, 12]  # node 12 says that it is node 1

    def as_node_1(message):
        number = message.metadata.dst_node_id
        message.metadata.__dict__["_dst_node_id"] = 2
        reply = NodesInOneProcess._answer(grid, message)
        message.metadata.__dict__["_dst_node_id"] = reply.metadata.__dict__["_src_node_id"] = number
        return reply

    grid._answer = as_node_1
    assert [member.node_id for member in strategy.roster.present(grid, 5.0)] == [1, 2, 3]
    assert "refused: node 1 with 10 clients is not one that has left" in caplog.text


def test_a_round_without_a_reply_leaves_the_model_as_it_is(tmp_path, caplog):
    _, arrays, metrics = one_round(federation(tmp_path, spoil=lambda message, reply: None if is_training(message) else reply))
    assert arrays is None and metrics["clients-silent"] == 30
    assert "round 1: nobody has answered; the model stays as it is" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        "attack=pieck_uea attack.N=10 defense=ours defense.N=10",
        "model=ncf attack=pieck_ipe attack.N=10 defense=foolsgold",
        "defense=none system.server_optimizer=adam",
    ],
)
def test_a_server_that_was_killed_goes_on_from_its_checkpoint(options, tmp_path):
    extra = f"{options} system.epochs=4 system.clients_per_round=11"
    undisturbed = federation(tmp_path / "undisturbed", extra=extra)
    undisturbed.train()

    class Killed(BaseException):
        """Stands for a SIGKILL in the middle of a round."""

    def kill(message, reply):
        if is_training(message) and message.content["config"]["round"] == 8:
            raise Killed
        return reply

    with pytest.raises(Killed):
        federation(tmp_path / "killed", extra=extra, spoil=kill).train()
    assert not (tmp_path / "killed" / "run" / GLOBAL_MODEL).exists()
    again = federation(tmp_path / "killed", extra=extra)
    again.train()
    asked = [message.content["config"]["round"] for message in again.messages if is_training(message)]
    assert 0 < min(asked) <= 8
    found, wanted = (load_file(tmp_path / name / "run" / GLOBAL_MODEL) for name in ("killed", "undisturbed"))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    summaries = [json.loads((tmp_path / name / "run" / "summary.json").read_text()) for name in ("killed", "undisturbed")]
    assert summaries[0]["final"] == summaries[1]["final"] and summaries[0]["rounds"] == summaries[1]["rounds"]


@pytest.mark.parametrize("told", [[40.0, 10.0], [-1.0, 10.0], [5.0, 1e9], [5.0], [np.nan, 10.0], 0.5, [5.0, 10.0, 5.0, 10.0]])
def test_metrics_that_a_node_cannot_have_do_not_count(told, tmp_path):
    def spoil(message, reply):
        if METRICS in reply.content.metric_records and message.metadata.dst_node_id == 2:
            reply.content[METRICS]["HR@10"] = told
        return reply

    def measured(**others):
        grid = federation(tmp_path / str(len(others)), **others)
        strategy = RobustStrategy.of(SMALL, n_nodes=3, timeout=5.0)
        strategy.begin(grid, 40)
        _, model = strategy.model.initialise(1, 40, torch.Generator().manual_seed(0))
        return dict(
            strategy.aggregate_evaluate(0, grid.send_and_receive(strategy.configure_evaluate(0, of_model(model), ConfigRecord(), grid)))
        )

    honest = measured()
    found = measured(spoil=spoil)
    others = (3 * honest["HR@10"][0] - found["HR@10"][0] * 2) * 10
    assert 0 <= round(others, 6) <= 10  # node 1 is left out: what is missing are the hits of ten users
    assert found["ER@10"] == honest["ER@10"]


def evaluated(tmp_path, caplog, spoil):
    """Return the metrics of one evaluation by three nodes, each with ten users, and the warnings."""
    grid = federation(tmp_path, spoil=spoil)
    strategy = RobustStrategy.of(SMALL, n_nodes=3, timeout=5.0)
    strategy.begin(grid, 40)
    _, model = strategy.model.initialise(1, 40, torch.Generator().manual_seed(0))
    caplog.clear()
    messages = strategy.configure_evaluate(7, of_model(model), ConfigRecord(), grid)
    return dict(strategy.aggregate_evaluate(7, grid.send_and_receive(messages))), caplog.text


def telling(node, **metrics):
    """Return what changes metrics that a node tells of its users."""

    def spoil(message, reply):
        if METRICS in reply.content.metric_records and message.metadata.dst_node_id == node:
            reply.content[METRICS] = MetricRecord({**reply.content[METRICS], **metrics})
        return reply

    return spoil


@pytest.mark.parametrize("node", [1, 2])
def test_a_node_with_other_targets_does_not_hide_those_of_the_others(tmp_path, caplog, node):
    """It may even be the first that answers."""
    found, warnings = evaluated(tmp_path, caplog, telling(node, **{"ER@10": [0.0, 10.0, 0.0, 10.0], "a b\n#$%": [1.0, 1.0]}))
    assert len(found["ER@10"]) == 1 and not {name for name in found if "#" in name}
    assert found["replies-refused"] == 1 and found["replies-failed"] == 0
    assert f"round 7: metrics that a node cannot have, or others have not, do not count; they are of the nodes {node - 1}" in warnings


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "round 7: no reply to the evaluation in time from the nodes 1"),
        (Error(1, "out of memory\nat line 3"), "round 7: node 1 has failed at the evaluation: out of memory at line 3"),
    ],
)
def test_a_node_without_metrics_is_told_and_counted(tmp_path, caplog, answer, words):
    def spoil(message, reply):
        if message.metadata.dst_node_id == 2 and METRICS in reply.content.metric_records:
            return answer and Message(answer, reply_to=message)
        return reply

    found, warnings = evaluated(tmp_path, caplog, spoil)
    assert found["replies-failed"] == 1 and len(found["HR@10"]) == 1
    assert words in warnings


def test_epochs_at_which_no_node_with_users_answers_have_no_evaluation(tmp_path, capfd):
    """The nodes fail after the first evaluation; the run ends well and reports what it has."""
    n_asked = []

    def spoil(message, reply):
        if message.metadata.message_type == MessageType.EVALUATE:
            n_asked.append(message)
            return reply if len(n_asked) <= 3 else None
        return reply

    federation(tmp_path, spoil=spoil, extra="system.epochs=3 evaluation.every=1").train()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "FINISHED" and summary["evaluations"] == 1 and summary["final"]["epoch"] == 1
    assert "round 3: no node with users has answered; there is no evaluation" in "".join(capfd.readouterr())


def test_a_run_that_nobody_ever_evaluates_ends_well_and_says_so(tmp_path):
    def spoil(message, reply):
        return None if message.metadata.message_type == MessageType.EVALUATE else reply

    federation(tmp_path, spoil=spoil, extra="system.epochs=2 evaluation.every=1").train()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["status"], summary["evaluations"], summary["verdict"]) == ("FINISHED", 0, "No evaluation was answered.")


def test_a_node_that_says_it_has_trained_more_than_was_asked_tells_no_loss(tmp_path):
    def spoil(message, reply):
        if is_training(message) and message.metadata.dst_node_id == 2:
            reply.content[METRICS] = MetricRecord({"trained": -9, "loss": 1e308})
        return reply

    grid, honest = federation(tmp_path / "lying", spoil=spoil), federation(tmp_path / "honest")
    found, others = one_round(grid)[2], one_round(honest)[2]
    assert 0 < found["loss"] < 2 * others["loss"] and found["trained"] < others["trained"]
