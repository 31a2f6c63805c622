"""Write the boards' JSON, and how Grafana and the page find it: ConfigMaps, and a list.

python -m dashboards.render      # writes dashboards/json, kustomization.yaml and page/boards.json
"""

import json
from collections.abc import Iterator
from pathlib import Path

from dashboards.boards import BOARDS
from dashboards.grafana import rendered

HERE = Path(__file__).parent
_HEAD = """\
# Written by `make render`; do not edit. One ConfigMap a board: Grafana's sidecar finds them by their label.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: monitoring
generatorOptions:
  disableNameSuffixHash: true
  labels:
    app.kubernetes.io/part-of: tillstream
    grafana_dashboard: "1"
configMapGenerator:
"""


def files() -> Iterator[tuple[Path, str]]:
    """Each file that derives from the boards, and what is in it."""
    maps = ""
    for board in BOARDS:
        name = f"{board.uid}.json"
        yield HERE / "json" / name, rendered(board)
        maps += f"  - name: dashboard-{board.uid}\n    files: [json/{name}]\n"
    yield HERE / "kustomization.yaml", _HEAD + maps
    yield HERE / "page" / "boards.json", json.dumps([board.uid for board in BOARDS], indent=2) + "\n"


def main() -> None:
    made = dict(files())
    (HERE / "json").mkdir(exist_ok=True)
    for file in (HERE / "json").glob("*.json"):
        if file not in made:
            file.unlink()
    for file, text in made.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
