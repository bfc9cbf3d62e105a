"""Check what `motet demo --json` wrote: every file there, every row answered, every pattern near its ceiling."""

import csv
import json
import sys
from pathlib import Path

demo = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
evaluation = demo["evaluation"]
model = Path(demo["model"])
for name in ("motet.json", "evaluation.json", "report.html", "README.md"):
    assert (model / name).is_file(), f"{name} was not written"
assert json.loads((model / "evaluation.json").read_text(encoding="utf-8")) == evaluation
with Path(demo["catalogue"]).open(encoding="utf-8", newline="") as file:
    wanted = [row["id"] for row in csv.DictReader(file)]
with Path(demo["predictions"]).open(encoding="utf-8", newline="") as file:
    answers = list(csv.DictReader(file))
assert [row["id"] for row in answers] == wanted, "one answer for each row, in order"
assert sum(bool(row["issue"]) for row in answers) == demo["broken"], "every broken cell is told in its row"
for pattern in ("image+text", "image", "text"):
    measured = evaluation["patterns"][pattern]["metrics"]["accuracy"]
    ceiling = demo["ceilings"][pattern]
    assert measured["high"] > ceiling - 0.05, f"{pattern}: {measured} is far below {ceiling}"
    assert measured["low"] < ceiling + 0.02, f"{pattern}: {measured} is above what is possible, {ceiling}"
assert demo["seconds"] < 300, "the demo takes minutes"
print(f"demo: {len(answers)} rows answered, {demo['seconds']} s")
