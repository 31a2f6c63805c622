from ci.cli import ci

ci(prog_name="python -m ci")
