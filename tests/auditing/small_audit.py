"""A small audit of synthetic data, as a program: `python -m tests.auditing.small_audit FOLDER`."""

import json
import sys
from pathlib import Path
from typing import Any

from fedrec.auditing.audit_options import AuditOptions
from fedrec.auditing.engine import conduct_audit
from fedrec.config.compose import initialized

DATA = ("dataset=synthetic", "dataset.users=50", "dataset.items=120", "dataset.interactions=1000")
SHORT = ("system.epochs=2", "evaluation.every=1", "evaluation.candidates=20")


def options_of(folder: Path, **changed: Any) -> AuditOptions:
    own = {"device": "cpu", "launcher": "joblib", "workers": 2, "folder": str(folder), "storage": None, "tracking": "none"}
    asked = {"attacks": ["popular", "min_sum"], "defenses": ["norm_bound"], "levels": [0.5], "accounts": [], "seeds": 2}
    return AuditOptions(**{**own, **asked, "budget": None, "quick": False, **changed})


def timeless(told: dict[str, Any]) -> dict[str, Any]:
    """Return an audit as JSON without what differs from time to time and from folder to folder."""
    rows = [{name: value for name, value in row.items() if name not in ("client_ms", "server_ms", "seconds")} for row in told["runs"]]
    price = [{name: value for name, value in row.items() if not name.endswith("_ms")} for row in told["price"]]
    facts = {name: value for name, value in told["facts"].items() if name not in ("seconds", "date", "command")}
    return {**told, "runs": rows, "price": price, "facts": facts}


if __name__ == "__main__":
    with initialized():
        result = conduct_audit(options_of(Path(sys.argv[1])), (*DATA, *SHORT), ())
    Path(sys.argv[1], "result.json").write_text(json.dumps(result.to_json()), encoding="utf-8")
