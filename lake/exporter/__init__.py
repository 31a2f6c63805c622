"""What Prometheus is told of the lake, by one who has no part in filling it: a stream that hangs cannot deny it."""
