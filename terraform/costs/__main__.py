"""Print what prod costs for a number of stores, or write the table of docs/aws.md.

python -m terraform.costs --stores 1200
python -m terraform.costs --write
"""

import argparse
import sys
from pathlib import Path

from terraform import costs

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "aws.md"
BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m terraform.costs", description=__doc__.splitlines()[0])
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--stores", type=int, help="how many")
    chosen.add_argument("--write", action="store_true", help="write the table into docs/aws.md")
    arguments = parser.parse_args()
    if arguments.write:
        DOCUMENT.write_text(written(DOCUMENT.read_text()))
        return
    try:
        lines = costs.bill("prod", arguments.stores)
    except costs.TooManyStoresError as error:
        sys.exit(str(error))
    for line in lines:
        print(f"{line.what:30} {line.usd:10,.2f}  {line.formula}")
    print(f"{'all':30} {costs.total(lines):10,.2f}  USD a month")


def written(text: str) -> str:
    """The document with the table as it must be."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{costs.heading()}\n\n{costs.table()}\n{END}{after}"


if __name__ == "__main__":
    main()
