"""What the workflows on GitHub say and do beyond running make: comments, digests, issues, releases."""
