"""Every alert of alerts/, set off on the live pipeline by its own fault: `make drill`."""
