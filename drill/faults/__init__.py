"""What goes wrong, one module a concern: context managers that break something of a scene, and mend it again."""
